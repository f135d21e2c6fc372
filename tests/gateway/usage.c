/* usage.c - what fakegw can do, in words; README.md shows the same text. */
#include "usage.h"

/* In pieces: a string literal longer than 4095 bytes is not C11. */
static const char *const usage[] = {
    "fakegw - three payment and booking gateways (and a generic one) on one port of this machine,\n"
    "with faults on request, and with a log of every effect: the witness of what really happened.\n"
    "\n",
    "  fakegw                                   listens on http://127.0.0.1:8099\n"
    "  fakegw --listen 127.0.0.1:0 --port-file p --effects e.jsonl --requests r.jsonl\n"
    "\n",
    "Options (times: 250, 250ms, 30s, 10m, 24h, 7d; a bare number is ms)\n"
    "  --listen 127.0.0.1:PORT  loopback only; port 0 = any free one\n"
    "  --port-file FILE         the port, written atomically once it listens\n"
    "  --effects FILE           append-only, one JSON object a line for each effect, synced before "
    "the answer\n"
    "  --requests FILE          the same for each request\n"
    "  --script FILE            faults, see below; read again when it changes, or on SIGHUP\n"
    "  --key-retention 24h      how long an idempotency key is remembered\n"
    "  --process-ms N           what is fetched later is not ready before (0)\n"
    "  --not-ready N            polls of a testlongrequest that are not ready (2)\n"
    "  --fetch-max-ms N         Travlinq: 500 to a poll of what is not ready by then (3m)\n"
    "  --fetch-grace            Travlinq: a replaced fetchUrl works until the new one was used\n"
    "  --session-ms N           Travlinq: a session ends after (6h)\n"
    "  --tls-cert F --tls-key F PEM; https instead of http\n"
    "  --memory FILE            keys, order numbers and jobs outlive a restart (and kill -9)\n"
    "  --no-fsync               logs are written but not synced: for load\n"
    "  --quiet                  no line per request on stdout\n"
    "  --canary FILE            no gateway: logs any connection's first bytes to FILE, and closes\n"
    "  SIGTERM or SIGINT ends it.\n"
    "\n",
    "Riverty (X-Auth-Key, else 401; X-Idempotency-Key: 1-50 of A-Z a-z 0-9 - _, else 400)\n"
    "  POST /api/v3/checkout/authorize          outcome Accepted | Rejected | Pending\n"
    "  POST /api/v3/orders/NUMBER/captures      and /refunds, /voids\n"
    "  The same key again: the first answer, byte for byte (refusals too). The key at another "
    "path:\n"
    "  400. With other bytes: 409. No key and an order number in use: 400 \"order number already "
    "used\".\n"
    "\n",
    "VRIO (X-Api-Key, else 403; no idempotency keys)\n"
    "  POST /orders                             \"action\":\"process\" charges too (effect "
    "\"order+charge\")\n"
    "  POST /orders/ID/process                  and /authorize, /complete\n"
    "  GET  /api_requests/ID                    404 invalid_id while not ready, then the envelope\n"
    "  \"bill_lname\":\"testlongrequest\" takes the fetch-later way. response_code: 100, 101, 200 "
    "= declined.\n"
    "\n",
    "Travlinq (X-API-KEY and sessionId, else 401; no idempotency keys)\n"
    "  POST /api/v1/auth/login                  userName, password, companyCode -> "
    "data[0].sessionId\n"
    "  POST /api/v1/flight/search               no effect\n"
    "  POST /api/v1/reservation/flight-book     needs conversationId (422); an offerId \"slow...\" "
    "is fetched later\n"
    "  GET  /api/v1/fetch/...?retrieveId=ID     202 with a NEW fetchUrl: the old one is 404 from "
    "then on\n"
    "                                           (unless the script broke that answer: then it was "
    "not given)\n"
    "\n",
    "Generic\n"
    "  POST /generic/ANYTHING                   Idempotency-Key: replay; 409 in progress; 422 "
    "other request\n"
    "  GET  /generic/operations/ID              after \"pending\": 202 + Location, or "
    "operation-location\n"
    "\n",
    "A reference is /reference of the JSON body, else /order/number (Riverty), "
    "/connection_order_id (VRIO),\n"
    "/offerId (Travlinq), /userName (login), the number in the path, the key, or \"-\". A poll has "
    "its submit's.\n"
    "An effect happens when a request is accepted, also when its answer is fetched later by "
    "nobody.\n"
    "Replays, refusals, searches, logins and polls have none.\n"
    "\n",
    "Script: one fault a line; every line that fits counts; of two of one kind the later one "
    "wins.\n"
    "  REFERENCE  PHASE  WHEN  [before|after]  FAULT [ARGS]\n"
    "  REFERENCE  a shell pattern: order-1, order-*, *; capture:order-1 = that operation only "
    "(authorize, capture,\n"
    "             refund, void, order, process, complete, flight-search, flight-book, generic)\n"
    "  PHASE      submit, poll, login, any\n"
    "  WHEN       1, 1-3, 3-, *: which time this reference is seen in this phase (or in this "
    "operation)\n"
    "  before     the gateway fails before it did anything: no effect (status and redirect: unless "
    "\"after\")\n"
    "  after      the effect happens, then the answer is spoilt (everything else: unless "
    "\"before\")\n"
    "  \"# ...\" is a comment; \"clear\" drops all lines before it; the fault \"ok\" cancels those "
    "above for what it fits.\n"
    "\n",
    "  The connection (one of; * = plain http only, refused under TLS)\n"
    "    lose                 closed without an answer         reset             RST without an "
    "answer\n"
    "    silence [MS]         no answer, for ever or MS long   garbage*          no HTTP at all\n"
    "    http09*              the body without any header      half-headers*     cut in a header's "
    "name\n"
    "    only-1xx*            100, 102, end                    endless-1xx*      102 for ever\n"
    "    truncate*            half of Content-Length           half-chunk*       cut in a chunk\n"
    "    close-delimited*     no length, half the JSON, FIN    endless*          chunks for ever\n"
    "    big-header* BYTES    one header so long               slow-headers* MS  one byte each MS\n"
    "    slow-body* MS        one byte of the body each MS\n"
    "  The answer\n"
    "    status N [retry-after V] [body TEXT]                  redirect CODE URL\n"
    "    http N               only the status is changed       delay MS          the answer waits\n"
    "    garble               bits of the JSON flipped         not-json          an HTML page\n"
    "    trailing             bytes after the JSON             duplicate-member  a name twice, "
    "other value\n"
    "    body TEXT            this body instead                oversize BYTES    a padding member\n"
    "    echo-card            a card number and cvv inside     date STRING       this Date header\n"
    "    retry-after V        this header                      header NAME: VALUE\n"
    "  Fetch later\n"
    "    pending N [location|operation-location]               N polls are not ready (0: the first "
    "is)\n"
    "    not-ready-forever    at the submit: always 202; at a poll: this one\n"
    "    fetch-url URL        this URL instead; empty = \"\"     fetch-url-missing\n"
    "    inner-status N       VRIO, at the poll: api_response_code, any JSON token; inner-missing: "
    "none\n"
    "    inner-raw JSON       VRIO, at the poll: api_response  inner-object      not as a string\n"
    "  The gateway\n"
    "    reject (= decline)   no effect                        action-required   Pending, 101, "
    "...\n"
    "    expire-session       before it looks                  forget-key        before it looks\n"
    "    in-progress          as if the key's first request still ran\n"
    "\n",
    "  Examples\n"
    "    order-7 submit 1 lose                    the order is made, the answer is lost\n"
    "    order-7 submit 1 before lose             the answer is lost, and no order was made\n"
    "    order-8 submit 1 pending 2               fetch later: two polls are not ready,\n"
    "    order-8 poll   1 status 503 retry-after 5    and the first of them meets a 503\n"
    "    *       login  2- reject\n"
    "    *       any    * delay 25s               everybody is slow today\n"
    "\n",
    "Control (loopback, no credentials)\n"
    "  curl http://127.0.0.1:8099/_fake/script --data-binary 'order-7 submit 1 lose'     adds "
    "lines\n"
    "  curl http://127.0.0.1:8099/_fake/effects        also requests, counts, script\n"
    "  curl -X POST http://127.0.0.1:8099/_fake/reset  forgets everything but --script; counts "
    "begin anew\n"
    "\n",
    "Effects: t (Unix ms), gateway, operation, reference, key, effect, id, amount (as it was "
    "written).\n"
    "Requests: t, n, connection, gateway, phase, method, target, reference, key, sha256 (of method "
    "LF target LF\n"
    "key LF body), body_length, status (0: no complete answer; then fault names why), fault, "
    "effect, replay, stale\n"
    "(a poll of a replaced fetch URL). A request that the client broke off has fault \"incomplete "
    "request\".\n"
    "Both: {\"reset\":true} where counting began anew.\n",
};

void
usage_print(FILE *out)
{
	for (size_t i = 0; i < sizeof(usage) / sizeof(usage[0]); i++)
		fputs(usage[i], out);
}

void
usage_greet(FILE *out, int port, bool tls)
{
	fprintf(out,
	    "fakegw: http%s://127.0.0.1:%d plays Riverty, VRIO, Travlinq and a generic gateway. "
	    "Try:\n",
	    tls ? "s" : "", port);
	fprintf(out,
	    "  curl%s http%s://127.0.0.1:%d/api/v3/checkout/authorize -H 'X-Auth-Key: any' \\\n"
	    "    -H 'X-Idempotency-Key: key-1' -d '{\"order\":{\"number\":\"order-1\"}}'\n",
	    tls ? " -k" : "", tls ? "s" : "", port);
	fprintf(out, "  curl%s http%s://127.0.0.1:%d/_fake/script -d 'order-2 submit 1 lose'\n",
	    tls ? " -k" : "", tls ? "s" : "", port);
	fprintf(out, "  curl%s http%s://127.0.0.1:%d/_fake/effects\n", tls ? " -k" : "",
	    tls ? "s" : "", port);
	fputs("  fakegw --help shows every path and fault; Ctrl-C ends it.\n\n", out);
	fflush(out);
}
