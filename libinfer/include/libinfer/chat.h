/* Chat templates: the subset of Jinja that models' templates use, rendered as Hugging Face's apply_chat_template does.
 *
 * A template sees the variables it is given and nothing else: no files, no environment, no clock but `now`. What it may
 * spend in steps, memory, depth and output is bounded, so that any template at all ends soon (FMT_LIMIT). */
#ifndef LIBINFER_CHAT_H
#define LIBINFER_CHAT_H

#include <libfmt/json.h>

struct infer_template;

/* Parses n bytes of UTF-8. The text is copied.
 * returns NULL with *err set, which names the line: FMT_MALFORMED for what is not Jinja, FMT_UNSUPPORTED for what is
 * not of the subset (include, import, extends, ...) */
struct infer_template *infer_template_create(const char *text, size_t n, struct fmt_err *err);
void infer_template_destroy(struct infer_template *t); /* NULL is fine */

struct infer_chat {
	const struct json *conversation; /* an object, whose members are the template's variables: messages, tools,
	                                    documents, add_generation_prompt and whatever else; tools and documents are
	                                    none where it has no such member. Or the list of messages alone. */
	bool generate;                   /* add_generation_prompt where the conversation does not say */
	struct fmt_str bos, eos;         /* bos_token, eos_token; .p NULL: not defined */
	int64_t now;                     /* what strftime_now formats: seconds since 1970-01-01 00:00 of the local clock */
};

/* "2026-01-15 12:34:56" (or the date alone) as seconds since 1970; false if it is no such time. */
bool infer_chat_time(const char *text, int64_t *seconds);

/* Renders; *out is malloc'ed, *n bytes with a NUL after them. Any thread.
 * false with *err set: FMT_MISMATCH where the template itself refuses (raise_exception), FMT_MALFORMED where it does what
 * cannot be done (an undefined value's attribute, say), FMT_LIMIT where it takes too much */
bool infer_template_render(const struct infer_template *t, const struct infer_chat *chat, char **out, size_t *n,
                           struct fmt_err *err);

#endif
