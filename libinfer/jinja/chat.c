/* Chat templates: a template, a conversation, a text. */
#include <stdlib.h>
#include <string.h>

#include <libinfer/chat.h>

#include "../tok_text.h"
#include "jinja.h"

struct infer_template {
	struct jj_mem mem;
	const struct jj_node *body;
	struct fmt_err err; /* what mem reports to while parsing */
};

struct infer_template *infer_template_create(const char *text, size_t n, struct fmt_err *err)
{
	struct infer_template *t = calloc(1, sizeof *t);
	struct jj_tokens tokens = { 0 };

	if (!t) {
		fmt_fail_nomem(err, sizeof *t);
		return NULL;
	}
	t->mem.err = &t->err;
	if (n > JJ_MAX_TEXT)
		fmt_fail(&t->err, FMT_LIMIT, FMT_NO_OFFSET, "a template of %zu bytes is too long", n);
	if (!tok_is_utf8(text, n))
		fmt_fail(&t->err, FMT_MALFORMED, FMT_NO_OFFSET, "the template is not UTF-8");
	if (!t->err.code && jj_lex(&t->mem, (struct fmt_str){ text, n }, &tokens))
		t->body = jj_parse(&t->mem, tokens.items);
	if (!t->err.code)
		return t;
	*err = err->code ? *err : t->err;
	infer_template_destroy(t);
	return NULL;
}

void infer_template_destroy(struct infer_template *t)
{
	if (!t)
		return;
	jj_mem_finish(&t->mem);
	free(t);
}

static void set(struct jj *j, const char *name, struct jj_value v)
{
	if (jj_ok(j))
		jj_dict_set(j, j->context, jj_cstr(name), v);
}

static void set_members(struct jj *j, const struct json *object)
{
	for (const struct json *e = json_first(object); e && jj_ok(j); e = json_next(e)) {
		struct jj_value v = jj_from_json(j, e);

		if (jj_ok(j))
			jj_dict_set(j, j->context, jj_str(json_key(e)), v);
	}
}

static bool set_context(struct jj *j, const struct infer_chat *chat)
{
	struct jj_value d = jj_dict(j);

	if (!jj_ok(j))
		return false;
	j->context = d.as.dict;
	set(j, "tools", jj_none());
	set(j, "documents", jj_none());
	set(j, "add_generation_prompt", jj_bool(chat->generate));
	if (chat->bos.p)
		set(j, "bos_token", jj_str(chat->bos));
	if (chat->eos.p)
		set(j, "eos_token", jj_str(chat->eos));
	if (json_is(chat->conversation, JSON_ARRAY))
		set(j, "messages", jj_from_json(j, chat->conversation));
	else if (json_is(chat->conversation, JSON_OBJECT))
		set_members(j, chat->conversation);
	else
		return fmt_fail(j->err, FMT_MALFORMED, FMT_NO_OFFSET,
		                "a conversation is an object with \"messages\", or the list of them");
	if (jj_ok(j) && !jj_dict_find(j, j->context, "messages"))
		return fmt_fail(j->err, FMT_MISSING, FMT_NO_OFFSET, "the conversation has no \"messages\"");
	return jj_ok(j);
}

bool infer_template_render(const struct infer_template *t, const struct infer_chat *chat, char **out, size_t *n,
                           struct fmt_err *err)
{
	struct fmt_err failed = { 0 };
	struct jj_buf text = { 0 };
	struct jj_frame root = { 0 };
	struct jj j = { .mem.err = &failed, .err = &failed, .frame = &root, .out = &text, .now = chat->now };

	if ((chat->bos.p && !tok_is_utf8(chat->bos.p, chat->bos.n)) ||
	    (chat->eos.p && !tok_is_utf8(chat->eos.p, chat->eos.n)))
		fmt_fail(&failed, FMT_MALFORMED, FMT_NO_OFFSET, "the bos or eos token is not UTF-8");
	if (!failed.code && set_context(&j, chat))
		jj_exec(&j, t->body);
	jj_put(&j, &text, (struct fmt_str){ "", 1 });
	jj_mem_finish(&j.mem);
	if (failed.code) {
		free(text.p);
		*err = err->code ? *err : failed;
		return false;
	}
	*out = text.p;
	*n = text.n - 1;
	return true;
}
