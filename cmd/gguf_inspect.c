/* gguf-inspect: what is in a model file or directory. */
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

/* One operand. Its results are complete or not printed at all, so that JSON stays well formed.
 * printed     something is on stdout already; set if so after this */
static int inspect_one(struct cli_program *p, const struct inspect_opts *o, struct cli_json *j, const char *path,
                       bool *printed)
{
	struct fmt_err err = { 0 };
	struct inspect in;
	bool ok = inspect_open(&in, path, o, &err);
	int status = CLI_OK;

	ok = ok && (!o->hash || inspect_hash(&in, &err)) && (!o->check || inspect_check(&in, &err));
	if (!ok) {
		fmt_err_file(&err, path);
		status = j ? inspect_json_error(p, j, path, &err) : cli_fail(p, &err);
	} else if (j) {
		inspect_json(j, &in, o);
	} else {
		if (*printed)
			putchar('\n');
		*printed = true;
		inspect_print(&in, o);
	}
	if (ok && in.findings.n)
		status = CLI_CHECK;
	inspect_close(&in);
	return status;
}

static int inspect_all(struct cli_program *p, const struct inspect_opts *o, int n, char **paths)
{
	struct cli_json json, *j = p->json ? &json : NULL;
	bool printed = false;
	int worst = CLI_OK, status;

	if (j) {
		cli_json_start(j, stdout);
		cli_json_object(j, NULL);
		cli_json_array(j, "files");
	}
	for (int i = 0; i < n && !ferror(stdout); i++) {
		status = inspect_one(p, o, j, paths[i], &printed);
		worst = status > worst ? status : worst;
	}
	if (j) {
		cli_json_close(j, ']');
		cli_json_close(j, '}');
		cli_json_end(j);
	}
	return worst;
}

/* Without a choice of sections: everything for programs; for people what fits the work, the summary if there is none. */
static void choose_sections(const struct cli_program *p, struct inspect_opts *o, bool all)
{
	bool chosen = o->summary || o->tensors || o->metadata;

	all |= p->json && !chosen;
	o->summary |= all || (!chosen && !o->hash && !o->check);
	o->tensors |= all || (!chosen && o->hash);
	o->metadata |= all;
}

int main(int argc, char **argv)
{
	bool all = false;
	struct inspect_opts o = { 0 };
	struct cli_program p = {
		.name = "gguf-inspect",
		.usage = "gguf-inspect [OPTION]... FILE|DIR...",
		.about = "Shows what is in a model: a GGUF, safetensors or PyTorch file, or a directory from a model hub.\n"
		         "The format is recognised by content. Nothing in the file is executed.",
		.examples = "  gguf-inspect model.gguf                        a summary on one screen\n"
		            "  gguf-inspect -t --filter '*attn_v*' model.gguf   some tensors\n"
		            "  gguf-inspect -m --full model.gguf              all metadata\n"
		            "  gguf-inspect --check model.gguf && echo sound",
	};
	struct cli_opt opts[] = {
		{ .kind = CLI_GROUP, .help = "What to show (the summary if none is given; with --json, everything)" },
		{ .kind = CLI_FLAG, .letter = 's', .name = "summary", .dst = &o.summary, .help = "the summary" },
		{ .kind = CLI_FLAG, .letter = 't', .name = "tensors", .dst = &o.tensors, .help = "every tensor" },
		{ .kind = CLI_FLAG, .letter = 'm', .name = "metadata", .dst = &o.metadata, .help = "the metadata" },
		{ .kind = CLI_FLAG, .letter = 'a', .name = "all", .dst = &all, .help = "all of these" },
		{ .kind = CLI_STRING, .letter = 'f', .name = "filter", .value = "GLOB", .dst = &o.filter,
		  .help = "only tensors and keys whose name matches (* and ?)" },
		{ .kind = CLI_FLAG, .name = "full", .dst = &o.full, .help = "texts and arrays at full length" },
		{ .kind = CLI_FLAG, .name = "as-gguf", .dst = &o.as_gguf,
		  .help = "a directory as the GGUF that it would become:\nGGUF's names and shapes" },
		{ .kind = CLI_GROUP, .help = "What to do" },
		{ .kind = CLI_FLAG, .name = "hash", .dst = &o.hash, .help = "hash the contents of every tensor (XXH3-128)" },
		{ .kind = CLI_FLAG, .name = "check", .dst = &o.check,
		  .help = "look for contradictions, for what llama.cpp refuses, and for\n"
		          "numbers that are not finite; exit status 1 if anything is found" },
		{ .kind = CLI_GROUP, .help = "Output" },
		{ .kind = CLI_FLAG, .name = "json", .dst = &p.json, .help = "one JSON document" },
		{ 0 },
	};

	p.opts = opts;
	cli_parse(&p, &argc, argv);
	if (!argc)
		return cli_usage_error(&p, "which file? give a model file or a directory");
	if (o.as_gguf && (o.hash || o.check))
		return cli_usage_error(&p, "--as-gguf shows a model that is not written yet: no --hash or --check with it");
	o.colour = cli_colour(stdout);
	choose_sections(&p, &o, all);
	return cli_finish(&p, inspect_all(&p, &o, argc, argv + 1));
}
