/** A grid of equal tiles. */
export interface TileLayout {
  readonly columns: number;
  readonly rows: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
}

/** Width to height of a tile: as wide as cameras are, as narrow as a phone held upright may need. */
const WIDEST = 16 / 9;
const NARROWEST = 3 / 4;
/** Smaller tiles are of no use; the grid scrolls instead. */
const MIN_TILE_WIDTH = 140;

/** The arrangement of `count` tiles in which they are largest. */
export function layOutTiles(count: number, width: number, height: number, gap: number): TileLayout {
  let best: TileLayout = { columns: 1, rows: 1, tileWidth: 0, tileHeight: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const candidate = layOutColumns(columns, count, width, height, gap);
    if (candidate.tileWidth * candidate.tileHeight > best.tileWidth * best.tileHeight) best = candidate;
  }
  if (best.tileWidth >= MIN_TILE_WIDTH || count === 0) return best;
  const columns = Math.max(1, Math.floor((width + gap) / (MIN_TILE_WIDTH + gap)));
  const tileWidth = Math.floor((width - gap * (columns - 1)) / columns);
  return { columns, rows: Math.ceil(count / columns), tileWidth, tileHeight: Math.floor(tileWidth / (4 / 3)) };
}

function layOutColumns(columns: number, count: number, width: number, height: number, gap: number): TileLayout {
  const rows = Math.max(1, Math.ceil(count / columns));
  const spaceX = Math.max(0, (width - gap * (columns - 1)) / columns);
  const spaceY = Math.max(0, (height - gap * (rows - 1)) / rows);
  const tileWidth = Math.floor(Math.min(spaceX, spaceY * WIDEST));
  const tileHeight = Math.floor(Math.min(spaceY, tileWidth / NARROWEST));
  return { columns, rows, tileWidth, tileHeight };
}
