/* The settings of a LoRA adapter: adapter_config.json as PEFT writes it. */
#ifndef FMT_PEFT_H
#define FMT_PEFT_H

#include <libfmt/json.h>
#include <libfmt/model.h>

struct peft {
	uint64_t rank;     /* of modules that rank_pattern does not name */
	double alpha;      /* the same with alpha_pattern */
	bool rslora;       /* alpha is divided by the root of the rank (arXiv:2312.03732), not by the rank */
	bool dora;         /* rows get magnitudes of their own (arXiv:2402.09353) */
	const struct json *ranks, *alphas; /* rank_pattern, alpha_pattern: members are expressions and numbers */
	struct fmt_str base;               /* base_model_name_or_path; empty if it is not there */
};

/* Checks every number that is read, and that nothing is asked for which is not done here.
 * returns false with *err set, which names the key */
bool peft_read(const struct json *config, struct peft *p, struct fmt_err *err);

/* Alpha of the whole adapter, by rank: what a GGUF has in adapter.lora.alpha. The change of a tensor is alpha / rank B A. */
double peft_alpha(const struct peft *p);

/* What a module's B is to be multiplied by, so that this holds of it too: 1 unless a pattern names it.
 * rank  of its tensors; one that contradicts the settings is an error */
bool peft_factor(const struct peft *p, struct fmt_str module, uint64_t rank, float *factor, struct fmt_err *err);

/* peft_pattern.c: whether the last whole parts of a module's name, divided by dots, are what an expression says. Of Python's
 * expressions those with literals, . \d \. [..] * + ? ^ $ and (a|b); others are FMT_UNSUPPORTED. The work is bounded. */
bool peft_matches(struct fmt_str pattern, struct fmt_str module, bool *matches, struct fmt_err *err);

#endif
