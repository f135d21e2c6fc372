/*
 * report_page.c - the report's page: self-contained, no script, nothing loaded from anywhere. It is
 * well-formed XML as well.
 */
#include "command/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STUCK_MAX = 50, DECISIONS_MAX = 100 };

static const char style[] =
    ":root{--text:#1c2024;--dim:#60666c;--line:#e3e6e9;--page:#f6f7f8;--card:#fff;--good:#3d9a6c;--"
    "mild:#d9c14a;"
    "--poor:#e08a3c;--bad:#cf3f3f;--other:#9aa3ab;--p50:#3d9a6c;--p95:#4a78c4;--p99:#8a4fb8}\n"
    "@media "
    "(prefers-color-scheme:dark){:root{--text:#e6e8ea;--dim:#9aa3ab;--line:#343a40;--page:#16191c;-"
    "-card:#1f2327}}\n"
    "body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif}\n"
    "main{max-width:1040px;margin:0 auto;padding:24px}\n"
    "h1{font-size:24px;margin:0}h2{font-size:16px;margin:0 0 8px}p{margin:4px 0 "
    "0;color:var(--dim)}\n"
    "section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px "
    "20px;margin-top:16px}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;margin-"
    "top:16px}\n"
    ".tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px "
    "16px}\n"
    ".tile b{display:block;font-size:24px;font-weight:600}.tile "
    "span{color:var(--dim);font-size:13px}\n"
    ".level{display:inline-block;border-radius:4px;padding:1px "
    "8px;color:#fff;font-weight:600;font-size:13px}\n"
    ".fine{background:var(--good)}.attention{background:var(--poor)}.critical{background:var(--bad)"
    "}\n"
    "svg{display:block;width:100%;height:auto}.grid{stroke:var(--line)}\n"
    ".tick{fill:var(--dim);font-size:12px}.name{fill:var(--text);font-size:13px}.empty{fill:var(--"
    "line)}\n"
    ".good{fill:var(--good)}.mild{fill:var(--mild)}.poor{fill:var(--poor)}.bad{fill:var(--bad)}."
    "other{fill:var(--other)}\n"
    ".line{fill:none;stroke-width:2}.p50{stroke:var(--p50)}.p95{stroke:var(--p95)}.p99{stroke:var(-"
    "-p99)}\n"
    ".dot{stroke:none}.dot.p50{fill:var(--p50)}.dot.p95{fill:var(--p95)}.dot.p99{fill:var(--p99)}\n"
    ".key{display:flex;flex-wrap:wrap;gap:4px "
    "16px;font-size:13px;color:var(--dim);margin-top:4px}\n"
    ".key i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}\n"
    "table{border-collapse:collapse;width:100%;font-size:13px}\n"
    "th{text-align:left;font-weight:600;color:var(--dim)}\n"
    "th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td "
    "div{color:var(--dim)}.wide{overflow-x:auto}\n"
    "@media print{body{background:#fff}section,.tile{break-inside:avoid}}\n";

void
report_escape(struct text *out, const char *value)
{
	for (; *value != '\0'; value++) {
		switch (*value) {
		case '&':
			(void)text_format(out, "&amp;");
			break;
		case '<':
			(void)text_format(out, "&lt;");
			break;
		case '>':
			(void)text_format(out, "&gt;");
			break;
		case '"':
			(void)text_format(out, "&quot;");
			break;
		default:
			/* Control characters are no XML, escaped or not. */
			(void)text_add(
			    out, (unsigned char)*value < 0x20 || *value == 0x7f ? "?" : value, 1);
		}
	}
}

static int64_t
sum_results(const struct report *report, enum result result)
{
	int64_t sum = 0;

	for (size_t i = 0; i < report->bucket_count; i++)
		sum += report->buckets[i].results[result];
	return sum;
}

static void
add_tile(struct text *out, const char *name, const char *value)
{
	(void)text_format(out, "<div class=\"tile\"><b>%s</b><span>%s</span></div>\n", value, name);
}

static void
add_count_tile(struct text *out, const char *name, int64_t count)
{
	char value[32];

	(void)snprintf(value, sizeof(value), "%" PRId64, count);
	add_tile(out, name, value);
}

static void
add_tiles(const struct report *report, const struct overview *overview, struct text *out)
{
	int64_t retries = 0;
	int64_t all = 0;
	char share[32] = "-";

	for (int result = RESULT_SUCCEEDED; result < RESULT_COUNT; result++)
		all += sum_results(report, (enum result)result);
	for (size_t i = 0; i < report->bucket_count; i++)
		retries += report->buckets[i].retries;
	if (all > 0)
		(void)snprintf(share, sizeof(share), "%.2f %%",
		    100.0 * (double)sum_results(report, RESULT_SUCCEEDED) / (double)all);
	(void)text_format(out, "<div class=\"tiles\">\n");
	add_count_tile(out, "results", all);
	add_tile(out, "succeeded", share);
	add_count_tile(out, "failed", sum_results(report, RESULT_FAILED));
	add_count_tile(out, "unknown", sum_results(report, RESULT_UNKNOWN));
	add_count_tile(out, "retries", retries);
	add_count_tile(out, "wait for a person", overview->stuck_rows);
	(void)text_format(out, "</div>\n");
}

static void
add_head(const struct report *report, const struct overview *overview, struct text *out)
{
	static const char *const levels[] = {"fine", "attention", "critical"};
	enum overview_level level = overview_judge(overview, NULL);
	struct text why;
	char since[32];
	char until[32];

	text_init(&why, 1024);
	(void)overview_judge(overview, &why);
	words_time(report->since, since);
	words_time(report->until, until);
	(void)text_format(out,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
	    "'unsafe-inline'\"/>\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	    "<title>outboxd, %.10s to %.10s</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n"
	    "<h1>outboxd report</h1>\n<p>",
	    since, until, style);
	report_escape(out, overview->database);
	(void)text_format(out,
	    ", %s to %s (all times UTC)</p>\n<p><span class=\"level %s\">%s</span> ", since, until,
	    levels[level], levels[level]);
	report_escape(
	    out, why.length > 0 ? text_string(&why) : "outboxd runs, nothing waits for a person");
	(void)text_format(out, "</p>\n");
	text_free(&why);
}

static void
add_key(struct text *out, const char *const (*entries)[2], size_t count)
{
	(void)text_format(out, "<div class=\"key\">");
	for (size_t i = 0; i < count; i++)
		(void)text_format(out, "<span><i style=\"background:var(--%s)\"></i>%s</span>",
		    entries[i][0], entries[i][1]);
	(void)text_format(out, "</div>\n</section>\n");
}

static void
add_plots(const struct report *report, struct text *out)
{
	static const char *const results[][2] = {{"good", "succeeded"}, {"poor", "failed"},
	    {"bad", "unknown"}, {"other", "expired, canceled, invalid"}};
	static const char *const shares[][2] = {
	    {"p50", "half are faster"}, {"p95", "19 of 20"}, {"p99", "99 of 100"}};
	static const char *const retried[][2] = {{"poor", "submits after the first of a row"}};
	static const char *const outages[][2] = {{"good", "all exchanges answered"},
	    {"mild", "under 5 % failed"}, {"poor", "under half failed"},
	    {"bad", "half or more failed"}, {"line", "nothing sent"}};
	const char *unit = report->bucket_ms < 86400000 ? "hour" : "day";

	(void)text_format(out, "<section><h2>Results per %s</h2>\n", unit);
	plot_results(report, out);
	add_key(out, results, 4);
	(void)text_format(
	    out, "<section><h2>Time from when a row could be sent to its result</h2>\n");
	plot_latencies(report, out);
	add_key(out, shares, 3);
	(void)text_format(out, "<section><h2>Retries per %s</h2>\n", unit);
	plot_retries(report, out);
	add_key(out, retried, 1);
	(void)text_format(out, "<section><h2>Outages</h2>\n");
	if (report->destination_count > 0)
		plot_outages(report, out);
	add_key(out, outages, 5);
}

static void
add_destinations(const struct report *report, struct text *out)
{
	(void)text_format(out,
	    "<section><h2>Destinations</h2>\n<div class=\"wide\"><table>\n<tr><th>destination</th>"
	    "<th class=\"n\">succeeded</th><th class=\"n\">failed</th><th class=\"n\">unknown</th>"
	    "<th class=\"n\">expired</th><th class=\"n\">canceled</th><th class=\"n\">invalid</th>"
	    "<th class=\"n\">retries</th><th class=\"n\">p50</th><th class=\"n\">p95</th><th "
	    "class=\"n\">p99</th></tr>\n");
	for (size_t i = 0; i < report->destination_count; i++) {
		static const enum result order[] = {RESULT_SUCCEEDED, RESULT_FAILED, RESULT_UNKNOWN,
		    RESULT_EXPIRED, RESULT_CANCELED, RESULT_INVALID};
		static const double shares[] = {0.50, 0.95, 0.99};
		const struct report_destination *found = &report->destinations[i];

		(void)text_format(out, "<tr><td>");
		report_escape(out, found->name);
		(void)text_format(out, "</td>");
		for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
			(void)text_format(
			    out, "<td class=\"n\">%" PRId64 "</td>", found->results[order[k]]);
		(void)text_format(out, "<td class=\"n\">%" PRId64 "</td>", found->retries);
		for (size_t k = 0; k < 3; k++) {
			char took[24];

			words_duration(durations_percentile(&found->latencies, shares[k]), took);
			(void)text_format(out, "<td class=\"n\">%s</td>", took);
		}
		(void)text_format(out, "</tr>\n");
	}
	(void)text_format(out, "</table></div></section>\n");
}

/* --- now: held destinations, stuck rows; and who decided what --- */

static void
add_stuck_row(void *context, const struct store_stuck *stuck)
{
	struct text *out = context;

	(void)text_format(out, "<tr><td class=\"n\">%" PRId64 "</td><td>", stuck->id);
	report_escape(out, stuck->destination);
	(void)text_format(out, "</td><td>");
	report_escape(out, stuck->operation);
	(void)text_format(out, "</td><td>");
	report_escape(out, stuck->reference);
	(void)text_format(out, "</td><td>%s</td><td>%.16s</td><td>", stuck->state, stuck->since);
	report_escape(out, stuck->reason);
	(void)text_format(out, "<div>");
	report_escape(out, stuck->advice);
	(void)text_format(out, "</div></td></tr>\n");
}

static void
add_stuck(struct store *store, const struct overview *overview, struct text *out)
{
	(void)text_format(out, "<section><h2>Waits for a person now: %" PRId64 " row(s)%s</h2>\n",
	    overview->stuck_rows, overview->stuck_rows > STUCK_MAX ? ", the 50 oldest" : "");
	for (size_t i = 0; i < overview->destination_count; i++) {
		const struct overview_destination *found = &overview->destinations[i];
		char since[32];

		if (!found->held)
			continue;
		words_time(found->since, since);
		(void)text_format(out, "<p><span class=\"level critical\">held</span> ");
		report_escape(out, found->name);
		(void)text_format(out, " since %s (%s): ", since, found->cause);
		report_escape(out, found->reason);
		(void)text_format(out, "</p>\n");
	}
	if (overview->stuck_rows > 0) {
		(void)text_format(out, "<div class=\"wide\"><table>\n<tr><th "
				       "class=\"n\">row</th><th>destination</th><th>operation</th>"
				       "<th>reference</th><th>state</th><th>since</th><th>why, and "
				       "what to do</th></tr>\n");
		(void)store_stuck(store, STUCK_MAX, add_stuck_row, out);
		(void)text_format(out, "</table></div>\n");
	}
	(void)text_format(out, "</section>\n");
}

static void
add_decision(void *context, const struct store_decision *decision)
{
	struct text *out = context;
	char at[32];

	words_time(decision->created_at, at);
	(void)text_format(out, "<tr><td>%s</td><td>", at);
	report_escape(out, decision->created_by);
	(void)text_format(out, "</td><td>");
	report_escape(out, decision->command);
	(void)text_format(out, " ");
	if (decision->outbox_id != 0)
		(void)text_format(out, "%" PRId64 " ", decision->outbox_id);
	report_escape(out, decision->destination);
	(void)text_format(out, " ");
	report_escape(out, decision->argument);
	(void)text_format(out, "<div>");
	report_escape(out, decision->text);
	(void)text_format(out, "</div></td><td>%s<div>", decision->status);
	report_escape(out, decision->answer);
	(void)text_format(out, "</div></td></tr>\n");
}

static void
add_decisions(struct store *store, const struct report *report, struct text *out)
{
	size_t before;

	(void)text_format(out, "<section><h2>Decisions</h2>\n<div class=\"wide\"><table>\n"
			       "<tr><th>when</th><th>who</th><th>what</th><th>answer</th></tr>\n");
	before = out->length;
	(void)store_decisions(store, report->since, DECISIONS_MAX, add_decision, out);
	if (out->length == before)
		(void)text_format(out, "<tr><td colspan=\"4\">none</td></tr>\n");
	(void)text_format(out, "</table></div></section>\n");
}

void
report_page(struct store *store, const struct report *report, const struct overview *overview,
    struct text *out)
{
	add_head(report, overview, out);
	add_tiles(report, overview, out);
	add_plots(report, out);
	add_destinations(report, out);
	add_stuck(store, overview, out);
	add_decisions(store, report, out);
	(void)text_format(out, "</main>\n</body>\n</html>\n");
}
