import { DockwardenError } from '../errors.ts';
import { Answers } from './answers.ts';
import type { CallContext } from './operation.ts';

/** A query over these subscriptions; only rows that the identity may read come back, and they lag behind Azure Resource Manager by minutes. */
export interface GraphQuery {
  readonly subscriptions: readonly string[];
  /** In the language of Azure Resource Graph. With several pages it has to sort by id: paging is unstable otherwise. */
  readonly query: string;
}

/** One page of an answer. */
export interface GraphPage {
  readonly rows: readonly unknown[];
  /** Absent on the last page. */
  readonly skipToken?: string;
}

/** Most rows that Resource Graph returns for one query. */
const PAGE_SIZE = 1000;
/** Most pages of an answer that is wanted as a whole; a longer one is an error, never a silent cut. */
const MAX_PAGES = 10;

/** One page. An answer without data counts as a passing fault. */
export async function queryGraphPage(
  context: CallContext,
  { query, subscriptions }: GraphQuery,
  after?: string,
): Promise<GraphPage> {
  const answers = new Answers(context);
  const options = {
    resultFormat: 'objectArray',
    top: PAGE_SIZE,
    ...(after !== undefined && { skipToken: after }),
  } as const;
  try {
    const { data, skipToken } = await context.clients.resourceGraph.resources(
      { subscriptions: [...subscriptions], query, options },
      answers.options(context.signal),
    );
    const rows: unknown = data;
    if (!Array.isArray(rows)) throw new DockwardenError('AZURE_TRANSIENT', 'the Resource Graph answer has no data');
    return { rows, ...(skipToken !== undefined && skipToken !== '' && { skipToken }) };
  } catch (error) {
    throw answers.explain(error);
  }
}

/** All pages, at most 10,000 rows. */
export async function queryGraph(context: CallContext, query: GraphQuery): Promise<readonly unknown[]> {
  const rows: unknown[] = [];
  let skipToken: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await queryGraphPage(context, query, skipToken);
    rows.push(...answer.rows);
    ({ skipToken } = answer);
    if (skipToken === undefined) return rows;
  }
  throw new DockwardenError(
    'AZURE_INVALID',
    `Resource Graph has more than ${MAX_PAGES * PAGE_SIZE} rows for one query`,
  );
}
