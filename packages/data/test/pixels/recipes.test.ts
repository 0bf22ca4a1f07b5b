import { describe, expect, it } from 'vitest';
import {
  describeRecipe,
  type PixelRecipe,
  pixelRecipes,
  planCrop,
  preparePixels,
} from '../../src/pixels/recipes.ts';
import { hash, noise, readRows } from './support.ts';

type Row = [
  recipe: keyof typeof pixelRecipes,
  size: number,
  crop: number,
  height: number,
  width: number,
  plan: [height: number, width: number, top: number, left: number],
  hash?: string,
];

describe('recipes', () => {
  const rows = readRows<Row>('prepared.json');

  it('resize and crop to the pixel where torchvision and timm do', () => {
    expect(rows.length).toBeGreaterThan(300);
    for (const [name, size, crop, height, width, [newHeight, newWidth, top, left]] of rows) {
      const plan = planCrop({ height, width }, size, { ...pixelRecipes[name], crop });
      expect({ height, width, size, crop, plan }).toEqual({
        height,
        width,
        size,
        crop,
        plan: { height: newHeight, width: newWidth, top, left },
      });
    }
  });

  it('have the pixels of torchvision and timm to the last bit', () => {
    const withPixels = rows.filter((row) => row[6] !== undefined);
    expect(withPixels.length).toBeGreaterThan(10);
    for (const [name, size, crop, height, width, , expected] of withPixels) {
      const image = { pixels: noise(height * width * 3), height, width, channels: 3 } as const;
      const recipe: PixelRecipe = { ...pixelRecipes[name], crop };
      expect(hash(preparePixels(image, size, recipe))).toBe(expected);
    }
  });

  it("round the longer side as timm's ResizeKeepRatio, if told", () => {
    const recipe = { crop: 1, longSide: 'rounded' } as const;
    for (const row of readRows<[number, number, number, number, number]>('rounded.json')) {
      const [size, height, width, newHeight, newWidth] = row;
      const plan = planCrop({ height, width }, size, recipe);
      expect([plan.height, plan.width]).toEqual([newHeight, newWidth]);
    }
  });

  it('are told apart by their descriptions', () => {
    const size = 224;
    expect(describeRecipe(pixelRecipes.torchvision, size)).toBe(
      'torchvision(size=224,crop=0.875,interpolation=bilinear,longSide=truncated)',
    );
    const others = [pixelRecipes.timm, { ...pixelRecipes.torchvision, crop: 0.9 }];
    const descriptions = others.map((recipe) => describeRecipe(recipe, size));
    expect(new Set([describeRecipe(pixelRecipes.torchvision, size), ...descriptions]).size).toBe(3);
  });

  it('refuse sizes and crops that make no picture', () => {
    const image = { pixels: new Uint8Array(12), height: 2, width: 2, channels: 3 } as const;
    expect(() => preparePixels(image, 2.5, pixelRecipes.timm)).toThrow(
      'preparePixels: expected a size in whole pixels, got 2.5.',
    );
    expect(() => preparePixels(image, 2, { ...pixelRecipes.timm, crop: 1.2 })).toThrow(
      'preparePixels: expected 0 < crop ≤ 1, got 1.2.',
    );
  });
});
