import type { AttributeSetters } from '../attributes.ts';
import type { Pointer, TensorflowApi } from '../c/api.ts';

/**
 * Setters of a node that is being made, beside `eagerSetters`. @param current Where the node of the
 * moment is found.
 */
export function graphSetters(api: TensorflowApi, current: { node: Pointer }): AttributeSetters {
  return {
    string: (name, bytes, length) => api.TF_SetAttrString(current.node, name, bytes, length),
    int: (name, value) => api.TF_SetAttrInt(current.node, name, value),
    float: (name, value) => api.TF_SetAttrFloat(current.node, name, value),
    bool: (name, value) => api.TF_SetAttrBool(current.node, name, value),
    type: (name, value) => api.TF_SetAttrType(current.node, name, value),
    shape: (name, sides, rank) => api.TF_SetAttrShape(current.node, name, sides, rank),
    func: (name, bytes, length) => api.TF_SetAttrFuncName(current.node, name, bytes, length),
    stringList: (name, bytes, lengths, count) =>
      api.TF_SetAttrStringList(current.node, name, bytes, lengths, count),
    intList: (name, values, count) => api.TF_SetAttrIntList(current.node, name, values, count),
    floatList: (name, values, count) => api.TF_SetAttrFloatList(current.node, name, values, count),
    boolList: (name, values, count) => api.TF_SetAttrBoolList(current.node, name, values, count),
    typeList: (name, values, count) => api.TF_SetAttrTypeList(current.node, name, values, count),
  };
}
