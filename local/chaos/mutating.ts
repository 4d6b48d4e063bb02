/** Does this request change something in Azure? A Resource Graph query is a POST that only reads. */
export function isMutating({ method, path }: { readonly method: string; readonly path: string }): boolean {
  return method !== 'GET' && !path.toLowerCase().includes('/microsoft.resourcegraph/');
}
