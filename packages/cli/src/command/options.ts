/** The flags: what each takes, and its line in the help. */
export const options = {
  preset: { takes: 'name', about: 'the experiment (below); quick if left out' },
  teacher: { takes: 'name', about: 'another teacher (below)' },
  student: { takes: 'name', about: 'another student (below)' },
  method: { takes: 'name', about: 'how the student is taught (below)' },
  'teacher-weights': {
    takes: 'source',
    about:
      'of a teacher that was trained elsewhere: a file (.safetensors, .pth), hf://… or https://…',
  },
  temperature: { takes: 'number', about: 'softens teacher and student, > 0; 4 is usual' },
  assistant: {
    takes: 'name',
    about: 'with --method takd: who stands between teacher and student (below)',
  },
  generations: {
    takes: 'number',
    about: 'with --method ban: students in a row, each taught by the one before; 3',
  },
  pictures: { takes: 'number', about: 'to learn from; those held out come on top' },
  'as-printed': { takes: '', about: 'preset tutorial with all the defects it was printed with' },
  epochs: { takes: 'number', about: 'of the students; the teacher keeps its own' },
  seeds: { takes: 'list', about: '3 means 0,1,2; a list names them: 0,1,2 or 7, alone' },
  engine: {
    takes: 'name',
    about: 'tensorflow, webgpu, wasm or cpu; the fastest that is here if left out',
  },
  resume: {
    takes: '[folder]',
    about: 'goes on with an interrupted run; the latest if no folder is named',
  },
  out: { takes: 'folder', about: 'where the run goes; runs/<date>-<preset> if left out' },
  help: { takes: '', about: 'this page' },
} as const satisfies Record<string, { readonly takes: string; readonly about: string }>;

export type OptionName = keyof typeof options;
