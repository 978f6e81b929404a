/* From a conversation's file and a model's template to the text that the model reads. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <libfmt/chat_templates.h>
#include <libinfer/chat.h>

#include "chat_text.h"
#include "cli.h"

/* What strftime_now shows: --now, or the local time. */
static bool read_now(const char *now, int64_t *seconds, struct fmt_err *err)
{
	time_t t = time(NULL);
	struct tm local;
	char text[32];

	if (now)
		return infer_chat_time(now, seconds) ||
		       fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--now: '%.40s' is no time (write \"2026-01-15 12:34:56\")", now);
	return localtime_r(&t, &local) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local) &&
	       infer_chat_time(text, seconds);
}

static struct fmt_str given(const char *s, struct fmt_str otherwise)
{
	return s ? (struct fmt_str){ s, strlen(s) } : otherwise;
}

static bool render(const char *path, struct fmt_str text, const struct infer_chat *chat, char **out, size_t *n,
                   struct fmt_err *err)
{
	struct infer_template *t = infer_template_create(text.p, text.n, err);
	bool ok = t && infer_template_render(t, chat, out, n, err);

	infer_template_destroy(t);
	if (!ok)
		fmt_err_file(err, path);
	return ok;
}

/* The template of a model, and its tokens where the user gave none. */
static bool render_model(const struct chat_options *o, const char *path, struct infer_chat *chat, char **out, size_t *n,
                         struct fmt_err *err)
{
	struct fmt_chat_templates *models = fmt_chat_templates_open(path, err);
	const struct json *tools = json_get(chat->conversation, "tools");
	const struct fmt_chat_template *t =
		models ? fmt_chat_template_choose(models, o->name, json_count(tools) > 0, err) : NULL;
	bool ok = false;

	if (t) {
		chat->bos = given(o->bos, models->bos);
		chat->eos = given(o->eos, models->eos);
		ok = render(path, t->text, chat, out, n, err);
	}
	fmt_err_file(err, path);
	fmt_chat_templates_close(models);
	return ok;
}

static bool render_file(const struct chat_options *o, const char *path, struct infer_chat *chat, char **out, size_t *n,
                        struct fmt_err *err)
{
	size_t n_text;
	char *text = cli_read(path, &n_text, err);
	bool ok = false;

	if (text && n_text >= 4 && !memcmp(text, "GGUF", 4)) {
		ok = render_model(o, path, chat, out, n, err);
	} else if (text) {
		chat->bos = given(o->bos, (struct fmt_str){ NULL, 0 });
		chat->eos = given(o->eos, (struct fmt_str){ NULL, 0 });
		ok = render(path, (struct fmt_str){ text, n_text }, chat, out, n, err);
	}
	free(text);
	return ok;
}

bool chat_text(const struct chat_options *o, struct fmt_str conversation, const char *source, bool is_model, char **text, size_t *n,
               struct fmt_err *err)
{
	struct infer_chat chat = { .generate = o->generate };
	struct json_doc *d = NULL;
	struct stat st;
	bool ok;

	if (!read_now(o->now, &chat.now, err))
		return false;
	d = json_parse(conversation.p, conversation.n, err);
	fmt_err_file(err, strcmp(o->file, "-") ? o->file : "standard input");
	chat.conversation = d ? json_root(d) : NULL;
	is_model = is_model || (!stat(source, &st) && S_ISDIR(st.st_mode));
	ok = d && (is_model ? render_model : render_file)(o, source, &chat, text, n, err);
	json_free(d);
	return ok;
}
