import type { RedmineTarget } from './redmine-target.ts';

/** The page of an issue as a browser gets it, for a user with a password. */
export async function readIssuePage(target: RedmineTarget, id: string): Promise<string> {
  const { url, login = '', password = '' } = target;
  const form = await fetch(`${url}/login`);
  const token = /name="authenticity_token" value="([^"]+)"/.exec(await form.text())?.[1] ?? '';
  const entered = await fetch(`${url}/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: cookiesOf(form) },
    body: new URLSearchParams({ authenticity_token: decodeEntities(token), username: login, password }),
  });
  if (entered.status !== 302) throw new Error(`Redmine did not let ${login} in: ${entered.status}`);
  const page = await fetch(`${url}/issues/${id}`, { headers: { cookie: cookiesOf(entered) } });
  if (page.status !== 200) throw new Error(`there is no page for issue ${id}: ${page.status}`);
  return await page.text();
}

/** The parts of a page that Redmine made from our text: the description first, then the notes. */
export function findRenderedTexts(page: string): readonly string[] {
  return [...page.matchAll(/<div[^>]* class="wiki">([\s\S]*?)<\/div>/g)].map(([, html = '']) => html);
}

/** What our own markup becomes; Redmine adds the anchors to headings. */
const OWN_TAG =
  /^<(?:\/?(?:p|ul|li|h3|strong|pre)|br ?\/?|h3 |a name="[\w.%-]*"|a href="#[\w.%-]*" class="wiki-anchor"|a href="https:\/\/portal\.azure\.com\/[^"<>]*" class="external"|\/a)\s*>$/;

/** Tags that nobody of us wrote: pictures, scripts, links, tables. */
export function findForeignTags(html: string): readonly string[] {
  return (html.match(/<[^>]*>?/g) ?? []).filter((tag) => !OWN_TAG.test(tag));
}

/** What a person reads. */
export function readText(html: string): string {
  return decodeEntities(html.replaceAll(/<[^>]*>/g, ''));
}

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&', para: '¶' };

function decodeEntities(text: string): string {
  return text.replaceAll(/&(?:#(\d+)|(\w+));/g, (whole, code?: string, name?: string) =>
    code === undefined ? (NAMED[name ?? ''] ?? whole) : String.fromCodePoint(Number(code)),
  );
}

function cookiesOf(answer: Response): string {
  return answer.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0] ?? '')
    .join('; ');
}
