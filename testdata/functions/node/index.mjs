// A function for AWS's runtime interface client, one handler for each way a
// handler can be written. The event says what to do.
import { existsSync } from "node:fs";

console.log("start");

const big = (size) => "x".repeat(size - 2);

export const buffered = async (event, context) => {
	switch (event?.do) {
		case "error": throw new Error("the handler refused");
		case "named error": throw Object.assign(new Error("no such order"), { name: "OrderError" });
		case "not an error": throw "a string";
		case "undefined": return undefined;
		case "circular": { const a = {}; a.a = a; return a; }
		case "rejection": Promise.reject(new Error("nobody waits for this")); return new Promise(() => {});
		case "exception": setImmediate(() => { throw new Error("nobody catches this"); }); return new Promise(() => {});
		case "exit 0": process.exit(0);
		case "exit 1": process.exit(1);
		case "hang": return new Promise(() => setInterval(() => {}, 1000));
		case "never": return new Promise(() => {}); // the event loop runs dry
		case "big": return big(event.size);
		case "context": return { ...context, getRemainingTimeInMillis: typeof context.getRemainingTimeInMillis(), trace: process.env._X_AMZN_TRACE_ID };
	}
	return event;
};

export const callback = (event, context, done) => {
	context.callbackWaitsForEmptyEventLoop = event.do !== "at once";
	switch (event.do) {
		case "error": return done(new Error("through the callback"));
		case "string error": return done("through the callback");
		case "throw": throw new TypeError("before the callback");
		case "succeed": return context.succeed({ by: "context.succeed" });
		case "fail": return context.fail(new Error("context.fail"));
		case "at once": setInterval(() => {}, 1000); break; // answered all the same
		case "later": setTimeout(() => console.log("the loop is empty now"), 20); break;
	}
	done(null, { echo: event });
};

const pause = () => new Promise((resolve) => setImmediate(resolve));

const pieces = async (event, out) => {
	switch (event.do) {
		case "error": throw new Error("nothing was sent");
		case "empty": return out.end();
		case "big": {
			const piece = Buffer.alloc(64 << 10, "abcdefghijklmnopqrstuvwxyz");
			for (let left = event.size; left > 0; left -= piece.length) {
				if (!out.write(piece.subarray(0, left))) await new Promise((resolve) => out.once("drain", resolve));
			}
			return out.end();
		}
	}
	for (const piece of ["one ", "two ", "three"]) {
		out.write(piece);
		await pause();
	}
	// In mid-stream means: when the caller has the first bytes.
	while (event.seen && !existsSync(event.seen)) await new Promise((resolve) => setTimeout(resolve, 1));
	switch (event.do) {
		case "fail": throw new Error("broke off");
		case "destroy": return out.destroy(new Error("destroyed"));
		case "exit": process.exit(7);
		case "rejection": Promise.reject(new Error("nobody waits for this")); return new Promise(() => {});
	}
	out.end();
};

export const streaming = globalThis.awslambda?.streamifyResponse(async (event, out) => {
	out.setContentType("text/plain");
	await pieces(event, out);
});

// As a function URL in mode RESPONSE_STREAM wants it: status and headers first.
export const url = globalThis.awslambda?.streamifyResponse(async (event, out) => {
	const path = event.rawPath;
	if (path === "/missing") {
		out = awslambda.HttpResponseStream.from(out, { statusCode: 404, headers: { "Content-Type": "text/plain" } });
		out.write("no such page"); // end alone would leave the status out
		out.end();
		return;
	}
	if (path === "/plain") { // without status and headers
		out.end("as is");
		return;
	}
	out = awslambda.HttpResponseStream.from(out, {
		statusCode: 201, headers: { "Content-Type": "text/html", "X-Kind": "slow" }, cookies: ["a=b", "c=d"],
	});
	await pieces({ do: path.slice(1), seen: event.queryStringParameters?.seen }, out);
});

// Ten pieces, each the time of its writing in Unix nanoseconds, 20 digits.
export const paced = globalThis.awslambda?.streamifyResponse(async (event, out) => {
	const offset = process.hrtime.bigint() - BigInt(Math.round(performance.now() * 1e6));
	const origin = BigInt(Math.round(performance.timeOrigin * 1e6)) - offset;
	for (let i = 0; i < 10; i++) {
		out.write(String(origin + process.hrtime.bigint()).padStart(20, "0"));
		await new Promise((resolve) => setTimeout(resolve, 2));
	}
	out.end();
});
