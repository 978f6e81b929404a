/* What the parts of st2gguf share: one conversion, from the plan to the result. */
#ifndef CMD_ST2GGUF_H
#define CMD_ST2GGUF_H

#include <libfmt/view.h>
#include <libfmt/write.h>
#include <libquant/recipe.h>

#include "cli.h"

struct conversion {
	struct cli_program *program;
	const struct fmt_view *view;
	const struct quant_recipe *recipe; /* NULL: every tensor keeps its type */
	const char *output;
	enum fmt_type *types;              /* per tensor of the view */
	const char **why;                  /* per tensor: the rule */
	struct fmt_writer *writer;         /* laid out */
	uint64_t file_bytes;               /* of the output */
};

/* The name of the output where none is given: NAME-TYPE.gguf in the current directory. NAME is the directory's name, or
 * the file's without its ending, its shard number and the type it ends in; of a file called model.safetensors or the
 * like, the name of the directory that it is in.
 * recipe   may be NULL
 * returns  a string to be freed, or NULL with *err set: FMT_USAGE if the model is in the current directory itself */
char *st2gguf_output_name(const char *source, const struct quant_recipe *recipe, struct fmt_err *err);

/* The plan, tensor by tensor, as text or JSON. */
void st2gguf_print_plan(const struct conversion *c);

/* What was done: one line, or JSON. */
void st2gguf_print_result(const struct conversion *c, double seconds, unsigned n_threads);

#endif
