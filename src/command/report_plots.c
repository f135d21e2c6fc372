/*
 * report_plots.c - the report's plots as inline SVG. Colours are classes of the page's style sheet.
 */
#include "command/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* In units of the viewBox. */
enum { WIDTH = 960, HEIGHT = 220, LEFT = 64, RIGHT = 12, TOP = 12, BOTTOM = 28 };
enum { PLOT_WIDTH = WIDTH - LEFT - RIGHT, PLOT_HEIGHT = HEIGHT - TOP - BOTTOM };

static void
begin_svg(struct text *out, const char *label, int height)
{
	(void)text_format(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
	    WIDTH, height, label);
}

static void
short_time(int64_t ms, bool with_day, bool with_hour, char text[32])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm broken;

	text[0] = '\0';
	if (gmtime_r(&seconds, &broken) == NULL)
		return;
	if (with_day && with_hour)
		(void)strftime(text, 32, "%d %b %H:%M", &broken);
	else if (with_day)
		(void)strftime(text, 32, "%d %b", &broken);
	else
		(void)strftime(text, 32, "%H:%M", &broken);
}

/* Names below every so many buckets, as many as have room. */
static void
add_time_axis(const struct report *report, struct text *out)
{
	bool hours = report->bucket_ms < 86400000;
	double step = (double)PLOT_WIDTH / (double)report->bucket_count;
	size_t every = 1;

	while (step * (double)every < (hours ? 46.0 : 54.0))
		every++;
	for (size_t i = 0; i < report->bucket_count; i += every) {
		char name[32];

		short_time(report->first + (int64_t)i * report->bucket_ms, !hours, hours, name);
		(void)text_format(out,
		    "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
		    LEFT + step * ((double)i + 0.5), HEIGHT - 8, name);
	}
}

/* The next 1, 2 or 5 times a power of ten. */
static double
round_up(double value)
{
	double power = pow(10, floor(log10(value)));
	double lead = value / power;

	return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

static double
add_count_axis(int64_t most, struct text *out)
{
	double step = most <= 4 ? 1 : round_up((double)most / 4.0);
	double top = step * ceil((double)(most < 1 ? 1 : most) / step);

	for (double value = 0; value <= top + step / 2; value += step) {
		double y = TOP + PLOT_HEIGHT * (1 - value / top);

		(void)text_format(out,
		    "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
		    "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>\n",
		    LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4, value);
	}
	return top;
}

static void
bucket_name(const struct report *report, size_t i, char name[32])
{
	short_time(report->first + (int64_t)i * report->bucket_ms, true,
	    report->bucket_ms < 86400000, name);
}

/* One part of a bar; *y is its lower edge and moves up. */
static void
add_bar(struct text *out, double x, double width, double *y, double height, const char *class,
    const char *title)
{
	if (height <= 0)
		return;
	if (height < 1.5)
		height = 1.5; /* something is not nothing */
	*y -= height;
	(void)text_format(out,
	    "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
	    "height=\"%.1f\"><title>%s</title></rect>\n",
	    class, x, *y, width, height, title);
}

static void
add_result_bars(const struct report *report, size_t i, double top, struct text *out)
{
	static const struct {
		enum result result;
		const char *class;
	} parts[] = {{RESULT_SUCCEEDED, "good"}, {RESULT_FAILED, "poor"}, {RESULT_UNKNOWN, "bad"},
	    {RESULT_EXPIRED, "other"}, {RESULT_CANCELED, "other"}, {RESULT_INVALID, "other"}};
	double step = (double)PLOT_WIDTH / (double)report->bucket_count;
	double y = TOP + PLOT_HEIGHT;
	char name[32];

	bucket_name(report, i, name);
	for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
		int64_t count = report->buckets[i].results[parts[k].result];
		char title[96];

		(void)snprintf(title, sizeof(title), "%s: %" PRId64 " %s", name, count,
		    result_name(parts[k].result));
		add_bar(out, LEFT + step * (double)i + step * 0.12, step * 0.76, &y,
		    PLOT_HEIGHT * (double)count / top, parts[k].class, title);
	}
}

void
plot_results(const struct report *report, struct text *out)
{
	int64_t most = 0;
	double top;

	for (size_t i = 0; i < report->bucket_count; i++) {
		int64_t all = 0;

		for (int k = 0; k < RESULT_COUNT; k++)
			all += report->buckets[i].results[k];
		if (all > most)
			most = all;
	}
	begin_svg(out, "results", HEIGHT);
	top = add_count_axis(most, out);
	for (size_t i = 0; i < report->bucket_count; i++)
		add_result_bars(report, i, top, out);
	add_time_axis(report, out);
	(void)text_format(out, "</svg>\n");
}

void
plot_retries(const struct report *report, struct text *out)
{
	double step = (double)PLOT_WIDTH / (double)report->bucket_count;
	int64_t most = 0;
	double top;

	for (size_t i = 0; i < report->bucket_count; i++)
		if (report->buckets[i].retries > most)
			most = report->buckets[i].retries;
	begin_svg(out, "retries", HEIGHT);
	top = add_count_axis(most, out);
	for (size_t i = 0; i < report->bucket_count; i++) {
		int64_t retries = report->buckets[i].retries;
		double y = TOP + PLOT_HEIGHT;
		char name[32];
		char title[96];

		bucket_name(report, i, name);
		(void)snprintf(title, sizeof(title), "%s: %" PRId64 " retries", name, retries);
		add_bar(out, LEFT + step * (double)i + step * 0.12, step * 0.76, &y,
		    PLOT_HEIGHT * (double)retries / top, "poor", title);
	}
	add_time_axis(report, out);
	(void)text_format(out, "</svg>\n");
}

/* --- latencies: a logarithmic axis, because a fetch-later answer takes a thousand times as long as
 * a direct one --- */

struct log_axis {
	double low; /* log10 of ms */
	double high;
};

static double
log_ms(int64_t ms)
{
	return log10(ms < 1 ? 1.0 : (double)ms);
}

static double
log_y(const struct log_axis *axis, int64_t ms)
{
	return TOP + PLOT_HEIGHT * (1 - (log_ms(ms) - axis->low) / (axis->high - axis->low));
}

static struct log_axis
add_log_axis(const struct report *report, struct text *out)
{
	static const int64_t ticks[] = {1, 10, 100, 1000, 10000, 60000, 600000, 3600000, 86400000};
	struct log_axis axis = {.low = 9, .high = 0};

	for (size_t i = 0; i < report->bucket_count; i++) {
		const struct durations *durations = &report->buckets[i].latencies;

		if (durations->count == 0)
			continue;
		axis.low = fmin(axis.low, log_ms(durations_percentile(durations, 0.50)));
		axis.high = fmax(axis.high, log_ms(durations_percentile(durations, 0.99)));
	}
	axis.low = axis.low > axis.high ? 1 : floor(axis.low);
	axis.high = fmax(ceil(axis.high + 0.05), axis.low + 1);
	for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
		double y = log_y(&axis, ticks[i]);
		char name[24];

		if (log_ms(ticks[i]) < axis.low - 0.01 || log_ms(ticks[i]) > axis.high + 0.01)
			continue;
		words_duration(ticks[i], name);
		(void)text_format(out,
		    "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
		    "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
		    LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4, name);
	}
	return axis;
}

static void
add_line(const struct report *report, const struct log_axis *axis, double share, const char *class,
    struct text *out)
{
	double step = (double)PLOT_WIDTH / (double)report->bucket_count;
	bool drawing = false;

	(void)text_format(out, "<path class=\"line %s\" d=\"", class);
	for (size_t i = 0; i < report->bucket_count; i++) {
		int64_t ms = durations_percentile(&report->buckets[i].latencies, share);

		if (ms >= 0)
			(void)text_format(out, "%s%.1f %.1f ", drawing ? "L" : "M",
			    LEFT + step * ((double)i + 0.5), log_y(axis, ms));
		drawing = ms >= 0;
	}
	(void)text_format(out, "\"/>\n");
	for (size_t i = 0; i < report->bucket_count; i++) {
		int64_t ms = durations_percentile(&report->buckets[i].latencies, share);
		char name[32];
		char took[24];

		if (ms < 0)
			continue;
		bucket_name(report, i, name);
		words_duration(ms, took);
		(void)text_format(out,
		    "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%s: %.0f%% "
		    "within %s</title></circle>\n",
		    class, LEFT + step * ((double)i + 0.5), log_y(axis, ms), name, share * 100,
		    took);
	}
}

void
plot_latencies(const struct report *report, struct text *out)
{
	struct log_axis axis;

	begin_svg(out, "time to the result", HEIGHT);
	axis = add_log_axis(report, out);
	add_line(report, &axis, 0.50, "p50", out);
	add_line(report, &axis, 0.95, "p95", out);
	add_line(report, &axis, 0.99, "p99", out);
	add_time_axis(report, out);
	(void)text_format(out, "</svg>\n");
}

/* --- outages: a strip for each destination --- */

static void
add_slot(const struct report *report, const struct report_destination *found, int slot, double y,
    struct text *out)
{
	static const char *const classes[] = {"good", "mild", "poor", "bad"};
	double width = (double)(WIDTH - 150 - RIGHT) / REPORT_SLOTS;
	int64_t all = found->exchanges[slot];
	int64_t bad = found->bad[slot];
	char from[32];
	int level;

	if (all == 0)
		return;
	level = bad == 0 ? 0 : bad * 20 < all ? 1 : bad * 2 < all ? 2 : 3;
	short_time(report->since + slot * report->slot_ms, true, true, from);
	(void)text_format(out,
	    "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"18\">"
	    "<title>%s: %" PRId64 " of %" PRId64 " exchanges failed</title></rect>\n",
	    classes[level], 150 + width * slot, y, width + 0.3, from, bad, all);
}

void
plot_outages(const struct report *report, struct text *out)
{
	int height = (int)report->destination_count * 26 + 30;

	begin_svg(out, "outages", height);
	for (size_t i = 0; i < report->destination_count; i++) {
		const struct report_destination *found = &report->destinations[i];
		double y = 4 + 26.0 * (double)i;

		(void)text_format(
		    out, "<text class=\"name\" x=\"142\" y=\"%.1f\" text-anchor=\"end\">", y + 14);
		report_escape(out, found->name);
		(void)text_format(out,
		    "</text><rect class=\"empty\" x=\"150\" y=\"%.1f\" width=\"%d\" "
		    "height=\"18\"/>\n",
		    y, WIDTH - 150 - RIGHT);
		for (int slot = 0; slot < REPORT_SLOTS; slot++)
			add_slot(report, found, slot, y, out);
	}
	for (int i = 0; i <= 6; i++) {
		char name[32];

		short_time(
		    report->since + (report->until - report->since) * i / 6, true, true, name);
		(void)text_format(out,
		    "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n",
		    150 + (double)(WIDTH - 150 - RIGHT) * i / 6, height - 8,
		    i == 0   ? "start"
		    : i == 6 ? "end"
			     : "middle",
		    name);
	}
	(void)text_format(out, "</svg>\n");
}
