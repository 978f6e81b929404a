/* What the parts of st2gguf share: one conversion, from the plan to the result. */
#ifndef CMD_ST2GGUF_H
#define CMD_ST2GGUF_H

#include <stdatomic.h>

#include <libfmt/imatrix.h>
#include <libfmt/view.h>
#include <libfmt/write.h>
#include <libquant/pool.h>
#include <libquant/quant.h>
#include <libquant/recipe.h>
#include <libquant/weights.h>

#include "adapters.h"
#include "cli.h"

/* When tokenizer.json goes into the output. */
enum st2gguf_embed { ST2GGUF_EMBED_AUTO, ST2GGUF_EMBED_ALWAYS, ST2GGUF_EMBED_NEVER };

/* Holds the tokenizer's keys against tokenizer.json, notes what they cannot say, and adds tokenizer.json to them if asked for
 * or, AUTO, if ids would differ without it. A GGUF keeps what it has.
 * pre_given  tokenizer.ggml.pre was chosen on the command line
 * returns    false with *err set: ids differ for no reason that is known. With ALWAYS that is a note too */
bool st2gguf_tokens(struct fmt_view *v, enum st2gguf_embed when, bool pre_given, struct fmt_err *err);

/* One file of the output. */
struct part {
	char *path;
	struct fmt_writer *writer;         /* laid out; its tensor 0 is tensor `first` of the view */
	uint64_t first, file_bytes;
};

struct conversion {
	struct cli_program *program;
	struct quant_pool *pool;           /* NULL: it is a plan */
	const struct fmt_view *view;
	const struct quant_recipe *recipe; /* NULL: every tensor keeps its type */
	const struct quant_recipe_model *model; /* of the view, where it gets many plans; NULL: one */
	const char *name;                  /* general.name; NULL: as the view has it */
	const char *const *keys;           /* KEY=TYPE:VALUE, to be set */
	size_t n_keys;
	struct quant_recipe_opts ask;
	struct quant_overrides *overrides; /* of `ask` */
	struct fmt_imatrix *imatrix;       /* NULL: none; without entries: one that is to be collected */
	struct quant_weights_filter filter; /* of its entries */
	struct quant_weights *weights;     /* per tensor of the view; NULL without imatrix */
	struct quant_weights_report holes;
	struct adapters adapters;          /* merged into the view's tensors */
	const struct fmt_kv *late_keys;    /* of the output too; their values become known after the tensors */
	size_t n_late_keys;
	const char *output;
	enum fmt_type *types;              /* per tensor of the view */
	const char **why;                  /* per tensor: the rule */
	struct fmt_writer *writer;         /* of the output in one file, laid out */
	struct part *parts;                /* the files that there will be; the only one has that writer */
	size_t n_parts;
	uint64_t file_bytes;               /* of the output, all files together */
};

/* The name of the output where none is given: NAME-TYPE.gguf in the current directory. NAME is the directory's name, or
 * the file's without its ending, its shard number and the type it ends in; of a file called model.safetensors or the
 * like, the name of the directory that it is in.
 * recipe   may be NULL
 * returns  a string to be freed, or NULL with *err set: FMT_USAGE if the model is in the current directory itself */
char *st2gguf_output_name(const char *source, const struct quant_recipe *recipe, struct fmt_err *err);

/* The recipe that leaves a checkpoint as it is stored: the type of its first matrix. What GGUF has no float for (FP8)
 * becomes BF16. NULL for a GGUF, which needs no recipe to stay as it is. */
const struct quant_recipe *st2gguf_auto(const struct fmt_view *v);

/* What cannot be done with a source that is an adapter: a GGUF's has pairs of float matrices and nothing else. */
bool st2gguf_adapter_check(const struct fmt_view *v, const struct quant_recipe *recipe, const struct cli_list *loras,
                           struct fmt_err *err);

/* What the command line asks for beside the recipe. */
struct st2gguf_ask {
	const char *imatrix, *imatrix_from, *output_type, *embedding_type, *tensor_type_file; /* NULL: not given */
	struct cli_list tensor_types;
	struct cli_list include, exclude; /* parts of names: whose importance counts, or does not */
	bool pure, leave_output;
};

/* Before the plan too: collects the importance matrix with the source, on the text in a file. What it gives is what llm-imatrix
 * writes and st2gguf_ask reads, to the bit.
 * n_ctx    tokens of a window; 0: 512
 * dry_run  nothing is run, and the matrix is empty */
bool st2gguf_collect(struct conversion *c, const char *path, uint64_t n_ctx, bool dry_run, struct fmt_err *err);

/* Before all that: takes layers out of the view and of the importance matrix, if that is read already; one that is yet to be made is
 * of what is left. layers: "3,5,17" */
bool st2gguf_prune(struct conversion *c, struct fmt_view *v, const char *layers, struct fmt_err *err);

/* Before the plan: reads the importance matrix and the types. To be finished in every case. */
bool st2gguf_ask(struct conversion *c, const struct st2gguf_ask *a, struct fmt_err *err);
void st2gguf_ask_finish(struct conversion *c);

/* After it: what is asked for and cannot be is an error; what is left over or falls back is a note, or with `strict` an
 * error too. A dry run need not have the importance matrix that its types ask for. */
bool st2gguf_ask_check(struct conversion *c, bool strict, bool dry_run, struct fmt_err *err);

/* Fills in types, why, writer and file_bytes from view, recipe and what is asked; to be finished in every case. */
bool st2gguf_plan(struct conversion *c, struct fmt_err *err);
void st2gguf_plan_finish(struct conversion *c);

/* A part of it: gives a writer the output's keys. */
bool st2gguf_write_keys(struct conversion *c, struct fmt_writer *w, struct fmt_err *err);

/* Into which files the output goes: one, but for what is asked for here. */
struct st2gguf_split {
	const char *size;                /* as given, "2G"; NULL: not given */
	bool max_tensors_given;
	uint64_t max_bytes, max_tensors; /* of a file's tensors, how many of them; 0: no limit */
	bool keep;                       /* cut where the source is */
	bool no_tensor_first;            /* the first has keys alone */
};

/* What the table of options cannot say, and max_bytes from `size`. returns CLI_OK, or the exit status */
int st2gguf_split_usage(const struct cli_program *p, struct st2gguf_split *s, bool vocab_only);

/* After the plan: fills in the parts, and their bytes as the file's; to be finished in every case, before the plan is. */
bool st2gguf_split(struct conversion *c, const struct st2gguf_split *s, struct fmt_err *err);
void st2gguf_split_finish(struct conversion *c);
size_t st2gguf_part_of(const struct conversion *c, uint64_t tensor); /* the number of the part that it is in */

/* st2gguf_write.c */
struct verify;
struct write_opts {
	enum quant_effort effort;
	bool force, allow_nonfinite;
};

/* Writes what is planned, checks it (v not NULL) and gives it its name. */
bool st2gguf_write(struct conversion *c, const struct write_opts *o, struct verify *v, struct fmt_err *err);

/* The first signal ends the work in an orderly way: what looks at st2gguf_stop() fails. A second one ends it at once. */
void st2gguf_catch_signals(void);
const atomic_int *st2gguf_stop(void); /* the signal; 0: none */

/* Ends as the signal, if there was one, would have ended the program, so that the caller sees it. */
void st2gguf_die_of_signal(void);

/* The plan, tensor by tensor, as text or JSON. */
void st2gguf_print_plan(const struct conversion *c);

/* What was done: one line, or JSON; and what the check found (v not NULL). */
void st2gguf_print_result(const struct conversion *c, double seconds, struct verify *v);

#endif
