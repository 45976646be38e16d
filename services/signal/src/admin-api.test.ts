import { InspectResponse } from "@cation/proto/sfu/v1/sfu";
import { LeaveReason, Participant, RoomSnapshot } from "@cation/proto/state/v1/state";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SignalFixture } from "./testing/signal-fixture.ts";

const TOKEN = "an admin token of more than 32 characters";

let fixture: SignalFixture;

beforeEach(async () => {
  fixture = await SignalFixture.start({ adminToken: TOKEN });
  fixture.islb.nodes = ["sfu-a:1", "sfu-b:1"];
});
afterEach(() => fixture.signal.close());

async function call(path: string, method = "GET", token: string | undefined = TOKEN) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`http://127.0.0.1:${fixture.signal.port}/admin/api${path}`, { method, headers });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : (JSON.parse(text) as unknown) };
}

test("only those with the token get in", async () => {
  const bare = await fetch(`http://127.0.0.1:${fixture.signal.port}/admin/api/nodes`);
  expect([bare.status, await bare.json()]).toMatchObject([401, { code: "TOKEN_MISSING" }]);
  expect(await call("/nodes", "GET", "another")).toMatchObject({ status: 401, body: { code: "TOKEN_INVALID" } });
  expect(await call("/nodes/sfu-a:1/drain", "POST", "another")).toMatchObject({ status: 401 });
  expect(fixture.sfu.draining).toBe(false);
});

test("without a token in the configuration there is no admin API", async () => {
  const other = await SignalFixture.start();
  const response = await fetch(`http://127.0.0.1:${other.signal.port}/admin/api/nodes`);
  expect(response.status).toBe(404);
  await other.signal.close();
});

test("nodes and rooms, summed over nodes; one that does not answer is left out", async () => {
  fixture.islb.nodes.push("sfu-gone:1");
  const [a, b] = [...fixture.sfus.values()];
  if (a) a.rooms = [{ roomId: "blue", sessions: 2, tracks: 1 }];
  if (b) {
    b.rooms = [
      { roomId: "blue", sessions: 3, tracks: 0 },
      { roomId: "red", sessions: 9, tracks: 4 },
    ];
  }
  expect(await call("/nodes")).toMatchObject({ status: 200, body: [{ nodeId: "sfu-a:1" }, {}, {}] });
  expect((await call("/rooms")).body).toEqual([
    { roomId: "red", participants: 9, tracks: 4, nodeIds: ["sfu-b:1"] },
    { roomId: "blue", participants: 5, tracks: 1, nodeIds: ["sfu-a:1", "sfu-b:1"] },
  ]);
});

test("a room with its relays and everybody's quality", async () => {
  const ada = Participant.create({ participantId: "p1", identity: "ada", nodeId: "sfu-a:1" });
  const grace = Participant.create({ participantId: "p2", identity: "grace", nodeId: "sfu-b:1" });
  fixture.islb.room = RoomSnapshot.create({
    room: { roomId: "blue" },
    participants: [ada],
    tracks: [{ trackId: "t1", participantId: "p1", nodeId: "sfu-a:1" }],
    participantCount: 2,
    relayPlan: { version: 1, nodes: [{ nodeId: "sfu-b:1", parentNodeId: "sfu-a:1" }] },
  });
  fixture.islb.roster = [ada, grace];
  const [a, b] = [...fixture.sfus.values()];
  if (a) {
    a.inspected = InspectResponse.create({
      sessions: 1,
      producers: [{ trackId: "t1", origin: "local", score: 4.4, layerBitratesBps: [100_000, 300_000] }],
    });
  }
  if (b) {
    b.inspected = InspectResponse.create({
      sessions: 1,
      consumers: [{ trackId: "t1", participantId: "p2", bitrateBps: 250_000, loss: 0.03, roundTripMs: 40, score: 3.1 }],
      relays: [{ trackId: "t1", peerNodeId: "sfu-a:1", direction: "in", packets: 700 }],
    });
  }
  const { status, body } = await call("/rooms/blue");
  expect(status).toBe(200);
  expect(body).toMatchObject({
    participantCount: 2,
    nodeIds: ["sfu-a:1", "sfu-b:1"],
    planned: [{ nodeId: "sfu-b:1", parentNodeId: "sfu-a:1" }],
    links: [{ from: "sfu-a:1", to: "sfu-b:1", tracks: 1, packets: 700 }],
    participants: [
      { identity: "ada", published: 1, received: 0, sentBps: 400_000, score: 4.4 },
      { identity: "grace", published: 0, received: 1, receivedBps: 250_000, loss: 0.03, roundTripMs: 40, score: 3.1 },
    ],
  });
  expect(await call("/rooms/red-but-not-there")).toMatchObject({ status: 200 });
  fixture.islb.room = undefined;
  expect(await call("/rooms/none")).toMatchObject({ status: 404, body: { code: "ROOM_NOT_FOUND" } });
  expect(await call(`/rooms/${"x".repeat(200)}`)).toMatchObject({ status: 400, body: { code: "MESSAGE_MALFORMED" } });
});

test("draining a node and removing somebody", async () => {
  expect(await call("/nodes/sfu-a:1/drain", "POST")).toEqual({ status: 200, body: { sessions: 0 } });
  expect(fixture.sfu.draining).toBe(true);
  expect(await call("/nodes/none/drain", "POST")).toMatchObject({ status: 404, body: { code: "NODE_NOT_FOUND" } });

  fixture.islb.whereabouts.set("p1", "sfu-a:1");
  expect(await call("/rooms/blue/participants/p1", "DELETE")).toEqual({ status: 204, body: undefined });
  expect(fixture.islb.leaves).toEqual([
    { roomId: "blue", participantId: "p1", epoch: 3, reason: LeaveReason.REMOVED, nodeId: "" },
  ]);
  expect(fixture.sfu.endedSessions).toMatchObject([{ participantId: "p1", reason: LeaveReason.REMOVED }]);
  expect(await call("/rooms/blue/participants/p9", "DELETE")).toMatchObject({
    status: 404,
    body: { code: "PARTICIPANT_NOT_FOUND" },
  });
});
