/* Chat templates: a template, a NUL byte, and a conversation for it (one of two messages if there is none). Whatever it
 * is, it ends, with a text of UTF-8 or with an error that says something. */
#include <stdlib.h>
#include <string.h>

#include <libinfer/chat.h>

#include "fuzz.h"

static const char conversation[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi \\u00e9\"},"
                                   "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": 1.5}]}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *text = (const char *)data, *nul = n ? memchr(text, '\0', n) : NULL;
	size_t n_template = nul ? (size_t)(nul - text) : n, n_out = 0;
	const char *json = nul ? nul + 1 : conversation;
	struct fmt_err err = { 0 }, bad_json = { 0 };
	struct infer_template *t = infer_template_create(text, n_template, &err);
	struct json_doc *d = json_parse(json, nul ? n - n_template - 1 : strlen(conversation), &bad_json);
	struct infer_chat chat = { .bos = FMT_STR("<s>"), .eos = FMT_STR("</s>"), .now = 1768480496 };
	char *out = NULL;

	if (!t && !err.msg[0])
		abort();
	if (t && d) {
		chat.conversation = json_root(d);
		if (infer_template_render(t, &chat, &out, &n_out, &err) ? out[n_out] : !err.msg[0])
			abort();
	}
	free(out);
	infer_template_destroy(t);
	json_free(d);
	return 0;
}
