/* The chat templates that a model comes with, and the texts of the tokens they ask for. Of their language nothing is
 * known here: <libinfer/chat.h> renders them. */
#ifndef LIBFMT_CHAT_TEMPLATES_H
#define LIBFMT_CHAT_TEMPLATES_H

#include <libfmt/model.h>

struct fmt_chat_template {
	struct fmt_str name; /* "default", "tool_use" */
	struct fmt_str text;
};

struct fmt_chat_templates {
	uint64_t n;
	const struct fmt_chat_template *items;
	struct fmt_str bos, eos; /* .p NULL: the model has none */
	struct fmt_chat_templates_impl *impl;
};

/* Of a GGUF (tokenizer.chat_template and tokenizer.chat_template.NAME), or of a directory as transformers reads it:
 * chat_template.jinja, else what tokenizer_config.json has, else chat_template.json. A file that is no GGUF stands for
 * its directory. A model without any gives n == 0. returns NULL with *err set */
struct fmt_chat_templates *fmt_chat_templates_open(const char *path, struct fmt_err *err);
void fmt_chat_templates_close(struct fmt_chat_templates *t); /* NULL is fine */

/* The template of a name; with name NULL as transformers chooses: "tool_use" for a conversation with tools if there is
 * one, else "default", else the only one. NULL with *err set, which says what there is. */
const struct fmt_chat_template *fmt_chat_template_choose(const struct fmt_chat_templates *t, const char *name,
                                                         bool has_tools, struct fmt_err *err);

#endif
