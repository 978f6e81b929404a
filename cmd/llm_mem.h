/* What the parts of llm-mem share: one model, the types and contexts asked for, and what was worked out. */
#ifndef CMD_LLM_MEM_H
#define CMD_LLM_MEM_H

#include <libfmt/estimate.h>
#include <libquant/recipe.h>

#include "cli.h"

#define MEM_MAX_CONTEXTS 16
#define MEM_MAX_TYPES 32

/* The model in one type or recipe. */
struct mem_weights {
	const char *name;      /* "Q4_K_M"; "as stored" of a GGUF */
	uint64_t tensor_bytes; /* contents: what is in memory */
	uint64_t file_bytes;   /* of the GGUF that st2gguf writes; only where mem_report.files_known */
	uint64_t fits;         /* with --fit: the longest context that fits, at most the trained one; 0: none */
};

struct mem_report {
	struct cli_program *program;
	const char *path;
	const struct fmt_view *view;
	struct fmt_estimate e;
	bool files_known;      /* all metadata are there (a directory with a tokenizer, a GGUF): sizes of files are exact */
	struct fmt_cache_opts cache; /* as asked for; its context is set where it is used */
	uint64_t contexts[MEM_MAX_CONTEXTS]; /* ascending */
	size_t n_contexts;
	uint64_t kv[FMT_KEEP_COUNT][MEM_MAX_CONTEXTS]; /* bytes of keys and values, under each policy */
	uint64_t state;        /* bytes of recurrent state */
	uint64_t token_elems, token_elems_beyond; /* of keys and values, that one token adds; that one past all windows adds */
	struct mem_weights weights[MEM_MAX_TYPES]; /* as asked for: large ones first by default */
	size_t n_weights;
	uint64_t fit;          /* bytes there are; 0: not asked */
	uint64_t fit_context;  /* that must fit */
	const struct mem_weights *best; /* the largest that fits; NULL: none */
	bool layers;
};

/* llm_mem_weights.c: sizes under each recipe named in `quant` ("Q4_K_M,Q8_0", "all", NULL: a choice).
 * returns false with *err set: FMT_USAGE for an unknown name */
bool mem_weigh(struct mem_report *r, const char *quant, struct fmt_err *err);

/* Fills in what the layers keep, where they are known.
 * returns false with *err set: heads that the type does not fit, a product past 64 bits */
bool mem_cache(struct mem_report *r, struct fmt_err *err);

/* For --fit: the longest context of each, and the best. */
bool mem_fit(struct mem_report *r, struct fmt_err *err);

void mem_print_text(const struct mem_report *r);
void mem_print_json(const struct mem_report *r);

#endif
