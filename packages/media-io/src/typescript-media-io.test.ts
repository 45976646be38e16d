import { mediaIoContract } from "./media-io.contract.ts";
import { openTypescriptMediaIo } from "./typescript-media-io.ts";

mediaIoContract("TypeScript backend", openTypescriptMediaIo);
