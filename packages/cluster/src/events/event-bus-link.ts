import { structuredMessage } from "../rpc/structured-message.ts";

/** What a RemoteEventBus says to the thread that has the bus. */
export type EventBusUp =
  | { readonly kind: "publish"; readonly subject: string; readonly payload: Uint8Array }
  | { readonly kind: "subscribe"; readonly subjects: readonly string[] }
  | { readonly kind: "unsubscribe"; readonly subject: string };

/** What it hears from there. */
export type EventBusDown =
  | { readonly kind: "event"; readonly subject: string; readonly payload: Uint8Array }
  /** Events may have been missed. */
  | { readonly kind: "missed" };

/** One thread's use of another thread's event bus. */
export const EventBusLinkDefinition = {
  name: "EventBusLink",
  fullName: "cation.threads.EventBusLink",
  methods: {
    connect: {
      name: "Connect",
      requestType: structuredMessage<EventBusUp>(),
      requestStream: true,
      responseType: structuredMessage<EventBusDown>(),
      responseStream: true,
    },
  },
} as const;
