/* llm-tokenize: text to token ids and back, as a model's own tokenizer does it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libfmt/json.h>
#include <libfmt/tokenizer_files.h>
#include <libfmt/view.h>
#include <libinfer/tokenizer.h>

#include "chat_text.h"
#include "cli.h"
#include "tokenize_stream.h"

struct job {
	struct cli_program *program;
	struct infer_tokenizer *t;
	unsigned flags;
	bool ids_only, count, batch;
	const char *decode; /* a list of ids; NULL: encode */
	const char *pre;
	const char *render; /* a template or a model */
	struct chat_options chat;
	struct fmt_err err;
};

/* The tokenizer of a tokenizer.json. A file that is not JSON is left alone: *is_json is then false. */
static struct infer_tokenizer *open_json(const char *path, bool *is_json, struct fmt_err *err)
{
	struct infer_tokenizer *t = NULL;
	FILE *f = fopen(path, "rb");
	char *text;
	size_t n;

	*is_json = f && getc(f) == '{';
	if (f)
		fclose(f);
	text = *is_json ? cli_read(path, &n, err) : NULL;
	if (text)
		t = infer_tokenizer_from_json(text, n, err);
	free(text);
	if (*is_json && !t)
		fmt_err_file(err, path);
	return t;
}

/* Other tokenizer files than tokenizer.json, if the directory has some. */
static bool open_files(struct job *j, const char *path)
{
	struct fmt_tokenizer_files *f = fmt_tokenizer_files_open(path, j->pre, &j->err);
	bool any = f && f->json.n;

	if (any)
		j->t = infer_tokenizer_from_json(f->json.p, f->json.n, &j->err);
	if (any && !j->t)
		fmt_err_file(&j->err, path);
	fmt_tokenizer_files_close(f);
	return any;
}

/* A directory with a tokenizer.json needs nothing else: its architecture may be one that is not described here. */
static bool open_tokenizer(struct job *j, const char *path)
{
	struct fmt_view_opts opts = { .vocab_only = true, .pre = j->pre };
	struct stat st;
	bool is_json, is_dir = !stat(path, &st) && S_ISDIR(st.st_mode);
	struct fmt_view *v;

	if (is_dir) {
		size_t n = strlen(path) + sizeof "/tokenizer.json";
		char *inside = malloc(n);

		if (!inside)
			return fmt_fail_nomem(&j->err, n);
		snprintf(inside, n, "%s/tokenizer.json", path);
		j->t = open_json(inside, &is_json, &j->err);
		free(inside);
	} else {
		j->t = open_json(path, &is_json, &j->err);
	}
	if (is_json)
		return j->t;
	if (is_dir && open_files(j, path))
		return j->t;
	if (j->err.code)
		return false;
	v = fmt_view_open(path, &opts, &j->err);
	if (!v)
		return false;
	j->t = infer_tokenizer_create(v, &j->err);
	if (!j->t)
		fmt_err_file(&j->err, path);
	fmt_view_close(v);
	return j->t;
}

static enum token_form form(const struct job *j)
{
	return j->count ? TOKENS_COUNT : j->ids_only ? TOKENS_IDS : j->program->json ? TOKENS_JSON : TOKENS_TABLE;
}

/* The tokens of a text in the form that was asked for; text.p NULL: of standard input. */
static bool encode(struct job *j, struct fmt_str text)
{
	struct token_show *show = token_show_create(j->t, form(j), j->flags & INFER_TOK_ADD_SPECIAL, &j->err);
	struct infer_tokens tokens = { 0 };
	bool ok = show;

	if (ok && text.p)
		ok = infer_tokenize(j->t, text.p, text.n, j->flags, &tokens, &j->err) &&
		     token_show_part(show, &tokens, text, true, &j->err);
	else if (ok)
		ok = tokenize_stream(j->t, j->flags, show, &j->err);
	infer_tokens_finish(&tokens);
	token_show_destroy(show);
	return ok;
}

/* The text of --chat, as chat_text() has it from a model or a template. */
static bool chat_of(struct job *j, const char *source, bool is_model, char **text, size_t *n)
{
	size_t n_json;
	char *json = cli_read(j->chat.file, &n_json, &j->err);
	bool ok = json && chat_text(&j->chat, (struct fmt_str){ json, n_json }, source, is_model, text, n, &j->err);

	free(json);
	return ok;
}

/* A conversation's text has its own special tokens: nothing is added. */
static bool encode_chat(struct job *j, const char *model)
{
	char *text = NULL;
	size_t n;
	bool ok = chat_of(j, model, true, &text, &n);

	j->flags &= ~(unsigned)INFER_TOK_ADD_SPECIAL;
	ok = ok && encode(j, (struct fmt_str){ text, n });
	free(text);
	return ok;
}

static bool render(struct job *j)
{
	char *text = NULL;
	size_t n;

	if (!chat_of(j, j->render, false, &text, &n))
		return false;
	fwrite(text, 1, n, stdout);
	free(text);
	return true;
}

/* One line of a batch: a JSON string in, a JSON list of ids out. */
static bool batch_line(struct job *j, struct infer_encoder *e, const char *line, size_t n, struct infer_tokens *tokens)
{
	struct json_doc *d = json_parse(line, n, &j->err);
	const struct json *root = d ? json_root(d) : NULL;
	bool ok = d;

	if (ok && !json_is(root, JSON_STRING))
		ok = fmt_fail(&j->err, FMT_MALFORMED, FMT_NO_OFFSET, "not a JSON string");
	tokens->n = 0;
	ok = ok && infer_encode(e, json_str(root).p, json_str(root).n, j->flags, tokens, &j->err);
	json_free(d);
	if (ok) {
		putchar('[');
		put_ids(tokens, ',');
		puts("]");
	}
	return ok;
}

static bool batch(struct job *j)
{
	struct infer_tokens tokens = { 0 };
	unsigned long long number = 0;
	char *line = NULL, where[64];
	size_t cap = 0;
	ssize_t n;
	struct infer_encoder *e = infer_encoder_create(j->t, &j->err);
	bool ok = e;

	while (ok && (n = getline(&line, &cap, stdin)) >= 0) {
		number++;
		ok = batch_line(j, e, line, (size_t)n, &tokens);
	}
	if (ok && ferror(stdin))
		ok = fmt_fail_errno(&j->err, errno, "cannot read");
	snprintf(where, sizeof where, "standard input, line %llu", number);
	if (!ok)
		fmt_err_file(&j->err, where);
	free(line);
	infer_encoder_destroy(e);
	infer_tokens_finish(&tokens);
	return ok;
}

/* "1,2 3" as ids. */
static bool parse_ids(const char *s, struct infer_tokens *tokens, struct fmt_err *err)
{
	size_t max = strlen(s) / 2 + 1;

	tokens->ids = malloc(max * sizeof *tokens->ids);
	if (!tokens->ids)
		return fmt_fail_nomem(err, max);
	while (*(s += strspn(s, ", \n\t[]"))) {
		char *end;
		long id;

		errno = 0;
		id = strtol(s, &end, 10);
		if (end == s || errno || id < 0 || id > INT32_MAX || (*end && !strchr(", \n\t]", *end)))
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "'%.40s' is not a list of ids", s);
		tokens->ids[tokens->n++] = (int32_t)id;
		s = end;
	}
	return true;
}

static bool decode(struct job *j)
{
	struct infer_tokens tokens = { 0 };
	bool ok = parse_ids(j->decode, &tokens, &j->err);
	char *text = NULL;
	size_t n = 0;

	for (uint64_t i = 0; ok && i < tokens.n; i++)
		if (!infer_token_text(j->t, tokens.ids[i]).p)
			ok = fmt_fail(&j->err, FMT_USAGE, FMT_NO_OFFSET, "no token has the id %ld", (long)tokens.ids[i]);
	if (ok && j->program->json) {
		ok = token_show_ids(j->t, &tokens, !(j->flags & INFER_TOK_ADD_SPECIAL), &j->err);
	} else if (ok && infer_detokenize(j->t, tokens.ids, tokens.n, !(j->flags & INFER_TOK_ADD_SPECIAL), &text, &n, &j->err)) {
		fwrite(text, 1, n, stdout);
		putchar('\n');
	}
	free(text);
	infer_tokens_finish(&tokens);
	return ok;
}

static bool run(struct job *j, const char *path, const char *text)
{
	if (j->render)
		return render(j);
	if (!open_tokenizer(j, path))
		return false;
	if (j->chat.file)
		return encode_chat(j, path);
	if (j->decode)
		return decode(j);
	if (j->batch)
		return batch(j);
	if (!text || !strcmp(text, "-"))
		return encode(j, (struct fmt_str){ NULL, 0 });
	return encode(j, (struct fmt_str){ text, strlen(text) });
}

int main(int argc, char **argv)
{
	struct job j = { .t = NULL };
	bool no_special = false, no_parse = false;
	struct cli_program p;
	struct cli_opt opts[] = {
		{ .kind = CLI_FLAG, .name = "ids", .dst = &j.ids_only, .help = "print the ids alone, on one line" },
		{ .kind = CLI_FLAG, .name = "count", .dst = &j.count, .help = "print how many there are" },
		{ .kind = CLI_STRING, .name = "decode", .value = "IDS", .dst = &j.decode,
		  .help = "print the text of the ids 1,2,3" },
		{ .kind = CLI_FLAG, .name = "batch", .dst = &j.batch,
		  .help = "one JSON string per line in, one JSON list of ids\nper line out" },
		{ .kind = CLI_STRING, .name = "chat", .value = "FILE", .dst = &j.chat.file,
		  .help = "the tokens of the conversation in FILE (JSON), as the\nmodel's own chat template writes it" },
		{ .kind = CLI_STRING, .name = "render", .value = "TEMPLATE", .dst = &j.render,
		  .help = "print the text of --chat alone; TEMPLATE is a file\nwith a template, or a model that has one" },
		{ .kind = CLI_STRING, .name = "template", .value = "NAME", .dst = &j.chat.name,
		  .help = "which of the model's templates, if it has several" },
		{ .kind = CLI_STRING, .name = "bos", .value = "TEXT", .dst = &j.chat.bos, .help = "bos_token of the template" },
		{ .kind = CLI_STRING, .name = "eos", .value = "TEXT", .dst = &j.chat.eos, .help = "eos_token of the template" },
		{ .kind = CLI_STRING, .name = "now", .value = "TIME", .dst = &j.chat.now,
		  .help = "the time that the template sees: \"2026-01-15 12:34:56\"" },
		{ .kind = CLI_FLAG, .name = "no-special", .dst = &no_special,
		  .help = "add no BOS, EOS and the like; with --decode, leave\nspecial tokens out" },
		{ .kind = CLI_FLAG, .name = "no-parse-special", .dst = &no_parse,
		  .help = "special tokens written in the text are text" },
		{ .kind = CLI_STRING, .name = "pre", .value = "NAME", .dst = &j.pre,
		  .help = "how text is cut, by the names of tokenizer.ggml.pre;\nfor vocab.json or tiktoken's files, if they do not say" },
		{ .kind = CLI_FLAG, .name = "json", .dst = &p.json, .help = "ids, pieces and byte offsets as JSON" },
		{ .kind = CLI_FLAG, .name = "quiet", .dst = &p.quiet, .help = "print no messages but errors" },
		{ 0 },
	};
	int n = argc, status;
	bool chat_only;

	p = (struct cli_program){
		.name = "llm-tokenize",
		.usage = "llm-tokenize [options] MODEL [TEXT]\n"
		         "llm-tokenize [options] MODEL --chat FILE\n"
		         "llm-tokenize --render TEMPLATE --chat FILE",
		.about = "Turns text into the token ids that the model's own tokenizer gives, and back.\n"
		         "MODEL is a directory with tokenizer.json, tekken.json, tokenizer.model, tiktoken's or\n"
		         "vocab.json and merges.txt, a tokenizer.json or a GGUF. Without TEXT, or with -, the\n"
		         "text is read from standard input.",
		.examples = "  llm-tokenize Llama-3-8B 'Hello world'\n"
		            "  llm-tokenize --count model.gguf < book.txt\n",
		.opts = opts,
	};
	cli_parse(&p, &n, argv);
	j.program = &p;
	j.flags = (no_special ? 0 : INFER_TOK_ADD_SPECIAL) | (no_parse ? 0 : INFER_TOK_PARSE_SPECIAL);
	chat_only = j.chat.name || j.chat.bos || j.chat.eos || j.chat.now || j.render;
	if (chat_only && !j.chat.file)
		return cli_usage_error(&p, "--render, --template, --bos, --eos and --now need --chat");
	if (j.chat.file && (j.decode || j.batch || n > 1))
		return cli_usage_error(&p, "--chat with TEXT, --decode or --batch");
	if (j.render && (n || j.count || j.ids_only || p.json))
		return cli_usage_error(&p, "--render prints a text and takes no MODEL besides");
	if (n < 1 && !j.render)
		return cli_usage_error(&p, "which model?");
	if (n > 2)
		return cli_usage_error(&p, "one TEXT, in quotes if it has spaces");
	if (n == 2 && (j.decode || j.batch))
		return cli_usage_error(&p, "TEXT with --decode or --batch");
	status = run(&j, n ? argv[1] : NULL, n == 2 ? argv[2] : NULL) ? CLI_OK : cli_fail(&p, &j.err);
	infer_tokenizer_destroy(j.t);
	return status == CLI_OK ? cli_finish(&p, status) : status;
}
