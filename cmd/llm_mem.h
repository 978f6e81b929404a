/* What the parts of llm-mem share: one model, the types and contexts asked for, and what was worked out. */
#ifndef CMD_LLM_MEM_H
#define CMD_LLM_MEM_H

#include <libfmt/estimate.h>
#include <libfmt/fit.h>
#include <libfmt/imatrix.h>
#include <libfmt/stored.h>
#include <libinfer/infer.h>
#include <libquant/recipe.h>

#include "cli.h"
#include "llm_mem_convert.h"
#include "llm_mem_speed.h"
#include "llm_mem_train.h"

#define MEM_MAX_CONTEXTS 16
#define MEM_MAX_TYPES 64
#define MEM_MAX_CACHE_TYPES 16

/* The model in one type or recipe. */
struct mem_weights {
	const char *name;      /* "Q4_K_M"; "as stored" of a GGUF */
	uint64_t tensor_bytes; /* contents: what is in memory */
	uint64_t file_bytes;   /* of the GGUF that st2gguf writes; only where mem_report.files_known */
	uint64_t thread_bytes; /* of st2gguf, per thread */
	uint64_t token_bytes;  /* of them, what one token reads */
	uint64_t elems_of[FMT_TYPE_COUNT]; /* elements that are of each type */
	uint32_t tensors_of[FMT_TYPE_COUNT];
	struct fmt_parts parts; /* the same contents by where they are kept */
	uint64_t taken;        /* with --fit: bytes of everything at the context asked for */
	bool ok;               /* with --fit: they fit; with --gpu: all layers are on the cards */
	uint64_t fits;         /* the longest context that does, at most mem_most_context; 0: none */
	uint64_t sequences;    /* with --fit: so many of the context asked for fit */
	struct fmt_split split;/* with --gpu */
};

/* Where nothing fits: the one that is nearest, and what would make it fit. */
struct mem_advice {
	const struct mem_weights *nearest;
	uint64_t missing;      /* bytes */
	uint64_t context;      /* the longest that fits; 0: none does */
	bool smaller_cache;    /* a cache of that type makes it fit */
	enum fmt_type cache_type;
	const char *quant;     /* the largest that fits, of all that there are; NULL: none */
	uint64_t quant_bytes;  /* of its weights */
	bool experts;          /* it fits with the experts in the CPU's memory */
};

#define MEM_CARD_NAME 32

struct mem_cards {
	char name[FMT_MAX_DEVICES][MEM_CARD_NAME]; /* as given: "rtx4090", "24G" */
	struct fmt_split_opts o; /* n_devices 0: no --gpu */
};

/* What the model takes at one context, piece by piece. */
struct mem_sum {
	uint64_t weights, kv, state;
	uint64_t buffers; /* of the runtime, where its policy is asked for */
	uint64_t total;
};

/* For --runtime assay: the model as llm-run would have it, and what was asked for. */
struct mem_own {
	struct infer_model *model;  /* described: nothing of it is loaded; NULL with other runtimes */
	uint64_t batch, threads;    /* 0: llm-run's default */
	uint64_t tokenizer_bytes;   /* of its tables in a GGUF; 0: there is none, or it cannot be read */
	bool runs_as_stored;        /* the path is a model with weights, which llm-run takes as it is: */
	struct infer_weights_memory stored;
	uint64_t stored_tokenizer_bytes;
};

struct mem_report {
	struct cli_program *program;
	const char *path;
	const struct fmt_view *view;
	struct fmt_estimate e;
	struct fmt_stored stored; /* the checkpoint, where config.json names a quantization */
	bool files_known;      /* all metadata are there (a directory with a tokenizer, a GGUF): sizes of files are exact */
	struct fmt_cache_opts cache; /* as asked for; its context is set where it is used */
	enum fmt_type cache_types[MEM_MAX_CACHE_TYPES]; /* for a table of several; cache.type is the first */
	size_t n_cache_types;
	enum fmt_keep keeps[FMT_KEEP_COUNT]; /* the same; cache.keep is the first */
	size_t n_keeps;
	uint64_t contexts[MEM_MAX_CONTEXTS]; /* ascending */
	size_t n_contexts;
	uint64_t kv[FMT_KEEP_COUNT][MEM_MAX_CONTEXTS]; /* bytes of keys and values, under each policy */
	struct fmt_runtime_opts runtime; /* as asked for; types, context and sequences are those of `cache` */
	struct fmt_runtime_bytes buffers[MEM_MAX_CONTEXTS]; /* what it takes beside the weights, where the layers are known */
	uint64_t state;        /* bytes of recurrent state */
	uint64_t token_elems, token_elems_beyond; /* of keys and values, that one token adds; that one past all windows adds */
	struct fmt_imatrix *imatrix; /* that st2gguf will be given; NULL: none */
	struct quant_recipe_model *recipes; /* what recipes ask of the model; NULL: none was asked for yet */
	struct mem_weights weights[MEM_MAX_TYPES]; /* as asked for: large ones first by default */
	size_t n_weights;
	uint64_t fit;          /* bytes there are; 0: not asked */
	uint64_t margin;       /* bytes of them that are left free */
	struct mem_cards cards;
	uint64_t fit_context;  /* that must fit, with --fit and --gpu */
	struct mem_advice advice;
	const struct mem_weights *best; /* the largest that fits; NULL: none */
	struct mem_own own;    /* for --runtime assay */
	bool layers, explain;
	struct mem_train train;
	struct mem_speed speed;
	struct mem_convert convert;
};

/* llm_mem_weights.c: sizes under each recipe named in `quant` ("Q4_K_M,Q8_0", "all", NULL: a choice).
 * returns false with *err set: FMT_USAGE for an unknown name */
bool mem_weigh(struct mem_report *r, const char *quant, struct fmt_err *err);
void mem_weights_finish(struct mem_report *r);

/* Of the n types and recipes named, the one whose tensors take most, but at most so many bytes. NULL: none does, or *err is
 * set.
 * bytes   out: what they take */
const char *mem_largest_quant(struct mem_report *r, const char *const *names, size_t n, uint64_t most, uint64_t *bytes,
                              struct fmt_err *err);

/* Bytes of the file that a recipe makes; only its plan is made.
 * returns false with *err set */
bool mem_file_bytes(const struct mem_report *r, const struct quant_recipe *recipe, uint64_t *bytes, struct fmt_err *err);

/* Fills in what the layers keep, where they are known.
 * returns false with *err set: heads that the type does not fit, a product past 64 bits */
bool mem_cache(struct mem_report *r, struct fmt_err *err);

/* Everything at once: of one kind of weights, under o's policy, at o's context, in o's type. FMT_KEEP_LLAMA_CPP stands for
 * the runtime that was asked for, which is llama.cpp by default, with its buffers; the others are a cache and no program.
 * The one place where the pieces are added up. A model whose layers are not known counts by its weights.
 * w       NULL: what stands beside the weights
 * returns false with *err set: heads that the type does not fit, a sum past 64 bits */
bool mem_sum(const struct mem_report *r, const struct mem_weights *w, const struct fmt_cache_opts *o, struct mem_sum *s,
             struct fmt_err *err);

/* The policy's name, or the runtime's that it stands for. */
const char *mem_keep_name(const struct mem_report *r, enum fmt_keep keep);

/* llm_mem_runtime.c: fills in the buffers.
 * returns false with *err set: what the runtime cannot keep, a sum past 64 bits */
bool mem_runtime(struct mem_report *r, struct fmt_err *err);
void mem_runtime_text(const struct mem_report *r);
void mem_runtime_json(const struct mem_report *r, struct cli_json *j); /* members "runtime" and "buffers" */

/* llm_mem_own.c: for --runtime assay, gets ready to be asked by <libfmt/runtime.h>; else nothing.
 * returns false with *err set: an architecture that llm-run does not run, sizes past its limits */
bool mem_own_init(struct mem_report *r, struct fmt_err *err);
void mem_own_finish(struct mem_report *r);
void mem_own_text(const struct mem_report *r);
void mem_own_json(const struct mem_report *r, struct cli_json *j); /* members of "runtime" */

/* llm_mem_fit.c: for --fit, what fits of each, the best, and what to do where nothing does.
 * returns false with *err set as fmt_fit_beside does */
bool mem_fit(struct mem_report *r, struct fmt_err *err);

/* Whether so much of everything at o's context leaves the margin free. */
bool mem_fits(const struct mem_report *r, const struct mem_weights *w, const struct fmt_cache_opts *o);

/* The question as libfmt puts it. */
struct fmt_fit mem_question(const struct mem_report *r, const struct fmt_cache_opts *o);
uint64_t mem_most_context(const struct mem_report *r); /* the trained one, far more where nothing says so; that asked for if
                                                           longer */

/* The longest context that fits, as a table has it: "none", "any" where nothing grows with it, "32,768". */
const char *mem_fits_upto(const struct mem_report *r, const struct mem_weights *w, char *text);

void mem_print_fit(const struct mem_report *r);
void mem_json_fit(const struct mem_report *r, struct cli_json *j);

/* llm_mem_gpu.c: cards from "24G,rtx4090,2xa100-80g", each with `margin` bytes to leave free, or the usual ones.
 * returns false with *err set: FMT_USAGE */
bool mem_cards_parse(struct mem_cards *c, const char *text, const uint64_t *margin, struct fmt_err *err);
void mem_cards_list(const struct cli_program *p); /* --gpu list */

/* For --gpu: how each is spread over the cards, and the best that is on them as a whole. */
bool mem_gpu(struct mem_report *r, struct fmt_err *err);
void mem_print_gpu(const struct mem_report *r);
void mem_json_gpu(const struct mem_report *r, struct cli_json *j);

void mem_print_text(const struct mem_report *r);

/* returns false with *err set as mem_explain does, with --explain alone; nothing useful is printed then */
bool mem_print_json(const struct mem_report *r, struct fmt_err *err);

/* llm_mem_explain.c: each figure as its product, with what it rests on. An array "explain" in j; text where j is NULL.
 * returns false with *err set: no memory, a product past 64 bits */
bool mem_explain(const struct mem_report *r, struct cli_json *j, struct fmt_err *err);

/* llm_mem_header.c: prints what weights say that have no config.json.
 * returns false with *err set: they cannot be opened */
bool mem_print_header(const struct mem_report *r, bool dir, struct fmt_err *err);

/* llm_mem_compare.c: says where weights that are there already are not what their config.json asks for. */
void mem_compare(const struct mem_report *r);

/* llm_mem_csv.c: a row per type, context, type of cache and policy. The columns are those of docs/csv.md.
 * returns false with *err set as mem_sum does; rows before it are printed */
bool mem_print_csv(const struct mem_report *r, struct fmt_err *err);

/* llm_mem_chart.c: the chart of memory over context, or the page around it, to a file that appears whole or not at all;
 * to stdout for "-".
 * returns false with *err set: FMT_EXISTS without `force`, a file that cannot be written, a sum past 64 bits */
bool mem_write_picture(const struct mem_report *r, const char *path, bool page, bool force, struct fmt_err *err);

#endif
