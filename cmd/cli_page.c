/* The look of pages, and how they are written. See cli_page.h. */
#include "cli_page.h"

#include <stdlib.h>
#include <string.h>

#include <libfmt/sink.h>

static const char common[] =
	":root{color-scheme:light dark;--bg:#fff;--ink:#1b1f24;--soft:#5a6472;--line:#e3e6ea;--panel:#f6f7f9;--bar:#0b5cad}\n"
	"@media (prefers-color-scheme:dark){:root{--bg:#14171b;--ink:#e8eaed;--soft:#a3adba;--line:#2a2f36;--panel:#1b1f25;"
	"--bar:#6db3f2}}\n"
	"body{margin:0 auto;padding:28px 20px 60px;max-width:980px;background:var(--bg);color:var(--ink);"
	"font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\n"
	"h1{font-size:26px;line-height:1.25;margin:0;overflow-wrap:anywhere}h2{font-size:18px;margin:36px 0 10px}\n"
	"p{margin:4px 0}.s{color:var(--soft)}\n"
	".k{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0 0;padding:0;list-style:none}\n"
	".k li{flex:1 1 150px;background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:10px 14px}\n"
	".k b{display:block;font-size:21px;font-weight:600;white-space:nowrap}\n"
	".w{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
	"th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\n"
	"th{font-weight:600;color:var(--soft)}tbody th,th:first-child{text-align:left}tbody th{color:var(--ink)}\n"
	"td.b{width:45%;text-align:left}td.b span{display:block;height:12px;min-width:1px;border-radius:2px;background:var(--bar)}\n"
	"td small{display:block;color:var(--soft);font-size:12px}\n"
	"figure{margin:0}svg{display:block;width:100%;min-width:700px;height:auto}\n";

void page_head(FILE *f, struct fmt_str title, const char *about, const char *style)
{
	fprintf(f, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>");
	cli_print_xml(f, title);
	fprintf(f, ": %s</title>\n<style>\n%s%s</style>\n</head>\n<body>\n<h1>", about, common, style);
	cli_print_xml(f, title);
	fprintf(f, "</h1>\n");
}

void page_foot(FILE *f)
{
	fprintf(f, "</body>\n</html>\n");
}

void page_headline(FILE *f, const char *value, const char *what)
{
	fprintf(f, "<li><b>%s</b> <span class=\"s\">%s</span></li>\n", value, what);
}

bool page_check(const char *path, bool force, struct fmt_err *err)
{
	fmt_sink_abort(fmt_sink_create(path, force, err));
	return !err->code;
}

static bool write_text(const char *path, bool force, const char *text, size_t n, struct fmt_err *err)
{
	struct fmt_sink *sink;

	if (!strcmp(path, "-")) {
		fwrite(text, 1, n, stdout); /* cli_finish looks whether it could be written */
		return true;
	}
	sink = fmt_sink_create(path, force, err);
	if (sink && fmt_sink_write(sink, 0, text, n, err))
		return fmt_sink_commit(sink, n, err);
	fmt_sink_abort(sink);
	return false;
}

bool page_write(const char *path, bool force, bool (*print)(FILE *f, void *user, struct fmt_err *err), void *user,
                struct fmt_err *err)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	bool ok = f && print(f, user, err);

	if (f && fclose(f) != 0)
		ok = false;
	if (!ok && !err->code)
		fmt_fail_nomem(err, n);
	ok = ok && write_text(path, force, text, n, err);
	free(text);
	return ok;
}
