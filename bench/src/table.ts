/** Prints results of one bench: a row a figure, a column a result. */
export function printTable(name: string, results: readonly object[]): void {
  console.log(`\n${name}`);
  const keys = [...new Set(results.flatMap((result) => Object.keys(result)))].filter((key) => key !== "name");
  const cell = (result: object, key: string): string => String((result as Record<string, unknown>)[key] ?? "");
  const label = Math.max(...keys.map((key) => key.length));
  const widths = results.map((result) => Math.max(...keys.map((key) => cell(result, key).length)));
  for (const key of keys) {
    const cells = results.map((result, i) => cell(result, key).padStart(widths[i]!));
    console.log(`  ${key.padEnd(label)}  ${cells.join("  ")}`);
  }
}
