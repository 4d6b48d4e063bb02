import { parseDate } from './timestamp.ts';

/** A version of an AKS node image. */
export interface ImageVersion {
  /** Family and version without the date of a later security patch: equal for images that are the same to us. */
  readonly identity: string;
  /** When it, or its latest security patch, was made: first moment of that day in UTC, milliseconds since 1970. */
  readonly date: number;
}

/** Node labels are untrusted: anything else is not even looked at. */
const PLAIN = /^[\w.:-]{1,120}$/;
/** `AKSWindows-2022-containerd-20348.3932.250710` */
const WINDOWS = /^AKSWindows-.+-\d+\.\d+\.(\d{2})(\d{2})(\d{2})$/;
/** `AKSUbuntu-2204gen2containerd-202410.27.0`, with `-2024.12.01` behind it after a security patch */
const MONTHLY = /^(AKS.+-(\d{4})(\d{2})\.(\d{2})\.\d+)(?:-(\d{4})\.(\d{2})\.(\d{2}))?$/;
/** `AKSUbuntu-1804gen2containerd-2021.05.19`, `AKSUbuntu:1604:2020.03.11` */
const DATED = /^AKS.+[-:](\d{4})\.(\d{2})\.(\d{2})$/;

/** Reads the version of a node image; undefined for anything that is not spelt in one of the three known ways. */
export function parseImageVersion(text: string | undefined): ImageVersion | undefined {
  if (text === undefined || !PLAIN.test(text)) return undefined;
  const windows = WINDOWS.exec(text);
  if (windows !== null) return toVersion(text, [`20${windows[1]}-${windows[2]}-${windows[3]}`]);
  const monthly = MONTHLY.exec(text);
  if (monthly !== null) {
    const [, identity, year, month, day, ...patch] = monthly;
    const made = `${year}-${month}-${day}`;
    return toVersion(identity, patch[0] === undefined ? [made] : [made, patch.join('-')]);
  }
  const dated = DATED.exec(text);
  return dated === null ? undefined : toVersion(text, [dated.slice(1).join('-')]);
}

function toVersion(identity: string | undefined, days: readonly string[]): ImageVersion | undefined {
  const dates = days.map(parseDate).filter((date) => date !== undefined);
  if (dates.length < days.length) return undefined;
  return { identity: String(identity).toLowerCase(), date: Math.max(...dates) };
}
