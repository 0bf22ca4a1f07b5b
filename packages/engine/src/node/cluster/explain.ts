/**
 * What to say where TensorFlow's message is about the processes of a group; undefined where it is
 * about something else.
 */
export function explainCollective(message: string): string | undefined {
  if (!message.includes('Collective')) return undefined;
  const [first = message] = message
    .replaceAll(/Collective ops is aborted by: |\{\{\w+ [^}]*\}\} ?/g, '')
    .split('\n');
  return (
    `expected every process of the group to take part, got ${first.replace(/\.$/, '')}; one of them has ended, does not answer or does something else: ` +
    'see what it says, and start the group anew (a training goes on with resume)'
  );
}
