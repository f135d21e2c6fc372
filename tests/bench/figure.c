/*
 * figure.c - figures: medians, ratios, the table and the JSON.
 */
#include "bench/figure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench/harness.h"

enum { FIGURES_MAX = 256 };
static struct figure figures[FIGURES_MAX];
static int figure_count;

void
sample(struct samples *samples, double value)
{
	if (samples->count < SAMPLES_MAX)
		samples->value[samples->count++] = value;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double
median(const struct samples *samples)
{
	struct samples sorted = *samples;
	int middle = sorted.count / 2;

	if (sorted.count == 0)
		return 0;
	qsort(sorted.value, (size_t)sorted.count, sizeof(double), compare);
	return sorted.count % 2 == 1 ? sorted.value[middle]
				     : (sorted.value[middle - 1] + sorted.value[middle]) / 2;
}

double
ratio(const struct figure *figure)
{
	struct samples ratios = {0};

	if (figure->value.count != figure->reference_value.count)
		return median(&figure->value) / median(&figure->reference_value);
	for (int i = 0; i < figure->value.count; i++)
		sample(&ratios, figure->value.value[i] / figure->reference_value.value[i]);
	return median(&ratios);
}

static int
misses(const struct figure *figure)
{
	double value = figure->reference != NULL && !figure->bound_is_value
			   ? ratio(figure)
			   : median(&figure->value);

	switch (figure->bound) {
	case BOUND_NONE:
		break;
	case AT_LEAST:
		return !(value >= figure->limit);
	case AT_MOST:
		return !(value <= figure->limit);
	}
	return 0;
}

static void
number(char *text, size_t size, double value)
{
	double absolute = value < 0 ? -value : value;

	if (absolute >= 1e6)
		(void)snprintf(text, size, "%.2f M", value / 1e6);
	else if (absolute >= 1000)
		(void)snprintf(text, size, "%.0f", value);
	else if (absolute >= 10)
		(void)snprintf(text, size, "%.1f", value);
	else
		(void)snprintf(text, size, "%.3g", value);
}

static void
bound_text(const struct figure *figure, char *text, size_t size)
{
	char limit[32];

	number(limit, sizeof(limit), figure->limit);
	if (figure->bound == BOUND_NONE)
		text[0] = '\0';
	else
		(void)snprintf(text, size, "%s %s%s",
		    figure->bound == AT_LEAST ? ">=" : "<=", limit,
		    figure->reference != NULL && !figure->bound_is_value ? " x" : "");
}

static void
print_line(const struct figure *figure)
{
	char value[32];
	char reference[32] = "";
	char of[16] = "";
	char bound[48] = "";

	number(value, sizeof(value), median(&figure->value));
	if (figure->reference != NULL) {
		number(reference, sizeof(reference), median(&figure->reference_value));
		(void)snprintf(of, sizeof(of), "%.3g x", ratio(figure));
	}
	bound_text(figure, bound, sizeof(bound));
	printf("%-46s %9s %-6s %9s %-9s %-30s %-10s %s%s%s%s\n", figure->name, value, figure->unit,
	    reference, of, figure->reference != NULL ? figure->reference : "", bound,
	    figure->bound == BOUND_NONE ? ""
	    : misses(figure)            ? "MISSED"
					: "met",
	    figure->note != NULL ? " (" : "", figure->note != NULL ? figure->note : "",
	    figure->note != NULL ? ")" : "");
	(void)fflush(stdout);
}

void
figure_add(const struct figure *figure)
{
	const char *last = figure_count > 0 ? figures[figure_count - 1].bench : "";

	if (figure_count == FIGURES_MAX)
		die("too many figures");
	figures[figure_count++] = *figure;
	if (settings.json)
		return;
	progress("%s", "");
	if (strcmp(last, figure->bench) != 0)
		printf("\n%-46s %9s %-6s %9s %-9s %-30s %-10s\n", figure->bench, "value", "",
		    "reference", "ratio", "which is", "bound");
	print_line(figure);
}

static void
json_text(const char *text)
{
	(void)putchar('"');
	for (; *text != '\0'; text++)
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else
			(void)putchar(*text);
	(void)putchar('"');
}

static void
json_samples(const char *name, const struct samples *samples)
{
	printf(",\"%s\":%.6g,\"%s_runs\":[", name, median(samples), name);
	for (int i = 0; i < samples->count; i++)
		printf("%s%.6g", i == 0 ? "" : ",", samples->value[i]);
	printf("]");
}

static void
json_figure(const struct figure *figure)
{
	printf("{\"bench\":");
	json_text(figure->bench);
	printf(",\"name\":");
	json_text(figure->name);
	printf(",\"unit\":");
	json_text(figure->unit);
	json_samples("value", &figure->value);
	if (figure->reference != NULL) {
		printf(",\"reference\":");
		json_text(figure->reference);
		json_samples("reference_value", &figure->reference_value);
		printf(",\"ratio\":%.6g", ratio(figure));
	}
	if (figure->bound != BOUND_NONE)
		printf(",\"bound\":{\"%s\":%.6g,\"of\":\"%s\"},\"met\":%s",
		    figure->bound == AT_LEAST ? "at_least" : "at_most", figure->limit,
		    figure->reference != NULL && !figure->bound_is_value ? "ratio" : "value",
		    misses(figure) ? "false" : "true");
	if (figure->note != NULL) {
		printf(",\"note\":");
		json_text(figure->note);
	}
	printf("}");
}

static void
print_json(void)
{
	struct utsname system;
	char stamp[32];
	time_t now = time(NULL);

	(void)uname(&system);
	(void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	printf("{\"time\":\"%s\",\"system\":\"%s %s %s\",\"processors\":%ld,\"figures\":[", stamp,
	    system.sysname, system.release, system.machine, sysconf(_SC_NPROCESSORS_ONLN));
	for (int i = 0; i < figure_count; i++) {
		printf("%s\n", i == 0 ? "" : ",");
		json_figure(&figures[i]);
	}
	printf("\n]}\n");
}

int
figures_print(int json)
{
	int missed = 0;
	int bounded = 0;

	for (int i = 0; i < figure_count; i++) {
		missed += misses(&figures[i]);
		bounded += figures[i].bound != BOUND_NONE;
	}
	if (json)
		print_json();
	else
		printf(
		    "\n%d figures; %d of %d bounds met\n", figure_count, bounded - missed, bounded);
	return missed;
}
