/* st2gguf --verify: the output read back, held against the source, and run beside it. */
#ifndef CMD_ST2GGUF_VERIFY_H
#define CMD_ST2GGUF_VERIFY_H

#include <libinfer/trace.h>
#include <libquant/compare.h>
#include <libquant/pool.h>

#include "divergence.h"
#include "st2gguf.h"

struct verify_opts {
	bool asked;
	const char *text;    /* a file; NULL: the built-in text */
	const char *report;  /* a page to write; NULL: none */
	uint64_t n_ctx;      /* of a window; 0: 512, or the model's own if that is shorter */
	struct divergence_limits limits;
	double max_error;
	bool max_error_given;
};

/* Most keys of the output that say what was found. */
enum { VERIFY_KEYS = 15 };

struct verify {
	const struct verify_opts *o;
	bool runs;                    /* there is a forward pass and a tokenizer: predictions are compared */
	struct fmt_err why;           /* else: why not */
	char *own;                    /* the text, of a file; NULL: the built-in one */
	struct fmt_str text;
	struct infer_tokens ids;
	struct infer_windows windows;
	struct fmt_kv keys[VERIFY_KEYS];
	struct quant_error *errors;   /* per tensor of the view */
	float *relative;              /* the same, as it is written */
	struct quant_error sum;       /* of all */
	size_t worst, n_departs, first_departs; /* tensors: the largest error; those that are further off than their types explain */
	bool same_ids;                /* the output turns the text into the same tokens */
	struct infer_divergence d;
	bool traced;
	struct infer_trace trace;
	struct fmt_err parting;       /* the two did not do the same operations: there is no trace */
};

/* What the table of options cannot say. returns CLI_OK, or the exit status */
int verify_usage(const struct cli_program *p, const struct verify_opts *o, bool vocab_only);

/* Before the plan: reads the text, and gives the conversion the keys whose values come later. What would be refused after an
 * hour is refused here. To be finished in every case. */
bool verify_begin(struct verify *v, const struct verify_opts *o, struct conversion *c, struct fmt_err *err);
void verify_finish(struct verify *v);

/* After the tensors: compares, and writes the header again, that of the first part. sinks: one per part */
bool verify_run(struct verify *v, struct conversion *c, struct fmt_sink *const *sinks, struct fmt_err *err);

/* Messages for what does not hold. returns CLI_OK, or CLI_CHECK */
int verify_check(const struct verify *v, const struct conversion *c);

/* st2gguf_verify_report.c: what was found, as text; as the member "verify" of an object; as a page, if that is asked for. */
void verify_print(struct verify *v, const struct conversion *c);
void verify_json(struct cli_json *j, struct verify *v, const struct conversion *c);
bool verify_page(struct verify *v, const struct conversion *c, bool force, struct fmt_err *err);

/* The limits that were given. limits: room for DIVERGENCE_LIMITS + 1; returns how many */
size_t verify_limits(const struct verify *v, struct limit *limits);

#endif
