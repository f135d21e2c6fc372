/*
 * figure.h - a measured value, beside the reference of the same run.
 */
#ifndef OUTBOXD_BENCH_FIGURE_H
#define OUTBOXD_BENCH_FIGURE_H

enum { SAMPLES_MAX = 32 };

/* Values of the same thing, one a run. */
struct samples {
	int count;
	double value[SAMPLES_MAX];
};
void sample(struct samples *samples, double value);
double median(const struct samples *samples);

enum bound { BOUND_NONE, AT_LEAST, AT_MOST };

struct figure {
	const char *bench;
	const char *name;
	const char *unit;
	struct samples value;
	const char *reference; /* what it is held against, or NULL */
	struct samples reference_value;
	/* The bound is one of the ratio where there is a reference (unless bound_is_value), else
	 * one of the value. */
	enum bound bound;
	double limit;
	int bound_is_value;
	const char *note; /* or NULL */
};

/* The ratio of two samples of the same run, each with its neighbour in time; then their median. */
double ratio(const struct figure *figure);

void figure_add(const struct figure *figure); /* copied; strings must stay */
/* The table, or JSON; returns how many missed their bound. */
int figures_print(int json);

#endif
