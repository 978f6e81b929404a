/* What llm-imatrix says: of what it wrote, and of the entries of a file. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "llm_imatrix.h"

struct coverage {
	uint64_t n, used; /* experts, of all entries that count them */
};

static struct coverage coverage_of(const struct fmt_imatrix_sums *sums)
{
	struct coverage c = { 0 };

	for (uint64_t i = 0; i < sums->n_entries; i++)
		for (uint64_t k = 0; sums->entries[i].n_counts > 1 && k < sums->entries[i].n_counts; k++) {
			c.n++;
			c.used += sums->entries[i].counts[k] > 0;
		}
	return c;
}

void report_sums(const struct cli_program *p, const char *output, const struct fmt_imatrix_sums *sums)
{
	struct coverage c = coverage_of(sums);
	struct cli_json j;

	if (p->json) {
		cli_json_start(&j, stdout);
		cli_json_object(&j, NULL);
		cli_json_cstr(&j, "output", output);
		cli_json_u64(&j, "entries", sums->n_entries);
		cli_json_u64(&j, "chunks", sums->n_chunks);
		cli_json_u64(&j, "chunk_size", sums->chunk_size);
		cli_json_u64(&j, "expert_matrices", c.n);
		cli_json_u64(&j, "expert_matrices_used", c.used);
		cli_json_close(&j, '}');
		cli_json_end(&j);
		return;
	}
	cli_note(p, "%s: %" PRIu64 " weights, %" PRIu64 " windows of text", output, sums->n_entries, sums->n_chunks);
	if (c.used < c.n)
		cli_note(p, "%" PRIu64 " of %" PRIu64 " expert matrices were never used: more text would reach them", c.n - c.used, c.n);
}

/* Of the mean squares of one entry, experts that were never used left out. */
struct figures {
	uint64_t n;
	double sum, mean, deviation, min, max;
	double entropy;   /* of the shares, in bits; log2(n) where all are equal */
	double zero;      /* share of values that are 0 */
	uint64_t n_experts, n_used;
};

static bool is_used(const struct fmt_imatrix_entry *e, uint64_t i)
{
	return !e->n_counts || e->counts[i / (e->n_values / e->n_counts)] > 0;
}

/* The second look at the values, which needs their sum. */
static void add_spread(struct figures *f, const struct fmt_imatrix_entry *e)
{
	double squares = 0;

	for (uint64_t i = 0; i < e->n_values; i++) {
		double x = (double)e->values[i], d = x - f->mean;

		if (!is_used(e, i))
			continue;
		squares += d * d;
		if (x > 0)
			f->entropy -= x / f->sum * log2(x / f->sum);
	}
	f->deviation = f->n > 1 ? sqrt(squares / (double)(f->n - 1)) : 0;
}

static struct figures figures_of(const struct fmt_imatrix_entry *e)
{
	struct figures f = { .min = INFINITY, .n_experts = e->n_counts > 1 ? e->n_counts : 0 };
	uint64_t n_zero = 0;

	for (uint64_t i = 0; i < e->n_values; i++) {
		double x = (double)e->values[i];

		if (!is_used(e, i))
			continue;
		f.n++;
		f.sum += x;
		f.min = x < f.min ? x : f.min;
		f.max = x > f.max ? x : f.max;
		n_zero += x <= 0;
	}
	for (uint64_t i = 0; i < f.n_experts; i++)
		f.n_used += e->counts[i] > 0;
	if (!f.n) {
		f.min = 0;
		return f;
	}
	f.mean = f.sum / (double)f.n;
	f.zero = (double)n_zero / (double)f.n;
	add_spread(&f, e);
	return f;
}

static void print_entry(const struct fmt_imatrix_entry *e, const struct figures *f, int width)
{
	cli_print_str(stdout, e->name);
	printf("%*s  %8" PRIu64 "  %10.4g  %10.4g  %10.4g  %10.4g  %10.4g  %7.3f  %6.2f %%", (int)e->name.n < width ? width - (int)e->name.n : 0,
	       "", f->n, f->sum, f->mean, f->deviation, f->min, f->max, f->entropy, 100 * f->zero);
	if (f->n_experts)
		printf("  %" PRIu64 " of %" PRIu64, f->n_used, f->n_experts);
	putchar('\n');
}

static void print_table(const struct fmt_imatrix *im)
{
	int width = 6;

	for (uint64_t i = 0; i < im->n_entries; i++)
		if (im->entries[i].name.n > (size_t)width && im->entries[i].name.n <= 64)
			width = (int)im->entries[i].name.n;
	printf("%" PRIu64 " weights, %" PRIu64 " windows of text; of the mean squares:\n\n", im->n_entries, im->n_chunks);
	printf("%-*s  %8s  %10s  %10s  %10s  %10s  %10s  %7s  %8s  experts\n", width, "weight", "values", "sum", "mean", "deviation",
	       "least", "largest", "entropy", "zero");
	for (uint64_t i = 0; i < im->n_entries; i++) {
		struct figures f = figures_of(&im->entries[i]);

		print_entry(&im->entries[i], &f, width);
	}
}

static void json_entry(struct cli_json *j, const struct fmt_imatrix_entry *e, const struct figures *f)
{
	cli_json_object(j, NULL);
	cli_json_str(j, "name", e->name);
	cli_json_u64(j, "values", f->n);
	cli_json_f64(j, "sum", f->sum);
	cli_json_f64(j, "mean", f->mean);
	cli_json_f64(j, "deviation", f->deviation);
	cli_json_f64(j, "least", f->min);
	cli_json_f64(j, "largest", f->max);
	cli_json_f64(j, "entropy", f->entropy);
	cli_json_f64(j, "zero", f->zero);
	if (f->n_experts) {
		cli_json_u64(j, "experts", f->n_experts);
		cli_json_u64(j, "experts_used", f->n_used);
	}
	cli_json_close(j, '}');
}

static void print_json(const struct fmt_imatrix *im)
{
	struct cli_json j;

	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_cstr(&j, "imatrix", im->path);
	cli_json_str(&j, "dataset", im->dataset);
	cli_json_u64(&j, "chunks", im->n_chunks);
	cli_json_u64(&j, "chunk_size", im->chunk_size);
	cli_json_array(&j, "entries");
	for (uint64_t i = 0; i < im->n_entries; i++) {
		struct figures f = figures_of(&im->entries[i]);

		json_entry(&j, &im->entries[i], &f);
	}
	cli_json_close(&j, ']');
	cli_json_close(&j, '}');
	cli_json_end(&j);
}

bool report_statistics(const struct cli_program *p, const char *path, struct fmt_err *err)
{
	struct fmt_imatrix *im = fmt_imatrix_open(path, err);

	if (!im)
		return false;
	(p->json ? print_json : print_table)(im);
	fmt_imatrix_close(im);
	return true;
}
