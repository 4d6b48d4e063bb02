import type { ReviewAction } from '../../src/events/review-body.ts';
import type { LocalEnvironment } from '../environment.ts';

/** Asks the app as an operator does; the function key stands for a person here. Throws when the app refuses. */
export async function askApp(
  { functionKey, host }: LocalEnvironment,
  action: ReviewAction,
  body: Readonly<Record<string, string>>,
): Promise<void> {
  const response = await fetch(`${host().url}/api/review/${action}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-functions-key': functionKey },
    body: JSON.stringify(body),
  });
  if (response.status !== 202) throw new Error(`the app refused to ${action}: ${await response.text()}`);
}
