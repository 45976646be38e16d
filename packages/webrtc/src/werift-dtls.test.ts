import { dtlsContract } from "./dtls.contract.ts";
import { createWeriftDtlsProvider } from "./werift-dtls.ts";

dtlsContract("werift", createWeriftDtlsProvider);
