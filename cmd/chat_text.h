/* A conversation in a file as the text that a model's chat template makes of it. */
#ifndef CMD_CHAT_TEXT_H
#define CMD_CHAT_TEXT_H

#include <libfmt/err.h>
#include <stddef.h>

struct chat_options {
	const char *file;      /* the conversation's, JSON; "-" is standard input */
	const char *name;      /* of the template, where a model has several; NULL: as transformers chooses */
	const char *bos, *eos; /* NULL: the model's */
	const char *now;       /* "2026-01-15 12:34:56"; NULL: the clock's */
	bool generate;         /* the text ends where the assistant begins, unless the file says */
};

/* conversation  what is in o->file: read by the caller, since standard input can be read once and models be two
 * source        a model; or, unless is_model, a file that is a template itself
 * *text is malloc'ed */
bool chat_text(const struct chat_options *o, struct fmt_str conversation, const char *source, bool is_model, char **text, size_t *n,
               struct fmt_err *err);

#endif
