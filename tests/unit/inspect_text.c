/* tests/unit/inspect_text.c - charsets, encoded words, addresses in text, HTML as lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "inspect/charset.h"
#include "inspect/html.h"
#include "inspect/links.h"
#include "inspect/mime.h"

static struct base_arena *a;

static int start(void **state)
{
    (void)state;
    inspect_mime_open();
    inspect_charset_open_all();
    a = base_arena_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    base_arena_free(a);
    return 0;
}

static void test_charsets(void **state)
{
    static const struct {
        const char *charset, *in, *out;
    } cases[] = {
        {"iso-8859-1", "K\xf6ln", "Köln"},
        {"ISO-8859-15", "\xa4", "€"},
        {"Windows-1252", "\x80", "€"},
        {"cp1252", "\x80", "€"},
        {"latin1", "\xe9", "é"},
        {"iso-8859-2", "\xb3", "ł"},
        {"koi8-r", "\xc4\xcf\xcd", "дом"},
        {"windows-1251", "\xe4\xee\xec", "дом"},
        {"iso-8859-5", "\xd4\xde\xdc", "дом"},
        {"iso-2022-jp", "\x1b$B>5G'\x1b(B.", "承認."},
        {"Shift_JIS", "\x8f\xb3\x94\x46", "承認"},
        {"x-sjis", "\x8f\xb3\x94\x46", "承認"},
        {"euc-jp", "\xbe\xb5\xc7\xa7", "承認"},
        {"gb2312", "\xd3\xf2\xc3\xfb", "域名"},
        {"GBK", "\xd3\xf2\xc3\xfb", "域名"},
        {"gb18030", "\xd3\xf2\xc3\xfb", "域名"},
        {"big5", "\xba\xf4\xb0\xec", "網域"},
        {"euc-kr", "\xb5\xb5\xb8\xde\xc0\xce", "도메인"},
        {"ks_c_5601-1987", "\xb5\xb5\xb8\xde\xc0\xce", "도메인"},
        {"utf-8", "Köln", "Köln"},
        {NULL, "Köln", "Köln"},
        {"us-ascii", "K\xf6ln", "K\xef\xbf\xbdln"},
        {"utf-8", "K\xf6ln", "K\xef\xbf\xbdln"},
        {"utf-8", "\xc0\x80\xed\xa0\x80",
         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"no-such-charset", "K\xf6ln", "K?ln"},
        {"utf-7", "+AGE-", "+AGE-"},
        {"utf-16", "\xff\xfe", "??"},
        {"shift_jis", "\x8f", "\xef\xbf\xbd"},
        {"euc-kr", "a\xffz", "a\xef\xbf\xbdz"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(
            inspect_charset_text(a, cases[i].charset, cases[i].in, strlen(cases[i].in), NULL),
            cases[i].out);
    }
    assert_string_equal(inspect_charset_text(a, NULL, "a\0b", 3, NULL), "a b");
    assert_string_equal(inspect_charset_text(a, "latin1", "a\0b", 3, NULL), "a b");
}

static void test_words(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {" plain ", "plain"},
        {"=?utf-8?q?K=C3=B6ln?=", "Köln"},
        {"=?UTF-8?B?S8O2bG4=?=", "Köln"},
        {"=?utf-8?b?S8O2bG4?=", "Köln"},
        {"=?utf-8*de?q?K=C3=B6ln?=", "Köln"},
        {"=?iso-8859-1?q?a_b=5F?= x", "a b_ x"},
        {"a =?utf-8?q?b?= =?utf-8?q?c?= d", "a bc d"},
        {"=?utf-8?q?b?=\r\n =?utf-8?q?c?=", "bc"},
        {"=?utf-8?b?S8M=?= =?utf-8?b?tmxu?=", "Köln"},
        {"=?utf-8?q?b?=x", "bx"},
        {"folded\r\n\t line", "folded line"},
        {"=?utf-8?x?b?=", "=?utf-8?x?b?="},
        {"=?utf-8?q?b", "=?utf-8?q?b"},
        {"=??q?b?=", "=??q?b?="},
        {"=?utf-8?b?!!!?=", "=?utf-8?b?!!!?="},
        {"=?utf-8?q?x=0D=0Aa?=", "x??a"},
        {"=?utf-8?q?"
         "?=",
         ""},
        {"", ""},
        {"=?", "=?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct base_bytes v = {(const unsigned char *)cases[i].in, strlen(cases[i].in)};

        assert_string_equal(inspect_header_text(a, v, 200), cases[i].out);
    }
}

static const char *joined(const struct inspect_links *l)
{
    char *s = base_arena_strdup(a, "");

    for (size_t i = 0; i < l->n; i++) {
        s = base_arena_printf(a, "%s%s%s", s, i > 0 ? "|" : "", l->v[i].url);
    }
    return s;
}

static void test_text_links(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"see https://a.example/x?y=z.", "https://a.example/x?y=z"},
        {"<https://a.example/>", "https://a.example/"},
        {"(https://a.example/b)", "https://a.example/b"},
        {"https://a.example/b_(c)", "https://a.example/b_(c)"},
        {"HTTP://A.example/", "HTTP://A.example/"},
        {"\"https://a.example/x\"", "https://a.example/x"},
        {"https://a.example/x, https://b.example/y; z", "https://a.example/x|https://b.example/y"},
        {"https://a.example/x https://a.example/x", "https://a.example/x"},
        {"ftp://a.example/ mailto:a@b javascript://x", ""},
        {"https://", ""},
        {"://", ""},
        {":", ""},
        {"xhttps://a.example/", "https://a.example/"},
        {"https://a.example/ä", "https://a.example/"},
        {"https://a.example/承認", "https://a.example/"},
        {"https://a.example/x!?", "https://a.example/x"},
        {"https://a.example/token_", "https://a.example/token_"},
        {"https://a.example/x\nhttps://b.example", "https://a.example/x|https://b.example"},
        {"[link](https://a.example/x)", "https://a.example/x"},
        {"**https://a.example/x**", "https://a.example/x"},
        {"https://a.example/?u=https://b.example/", "https://a.example/?u=https://b.example/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct inspect_links l = {.a = a};

        inspect_links_scan(&l, cases[i].in, "text");
        assert_string_equal(joined(&l), cases[i].out);
    }
}

static void test_link_caps(void **state)
{
    struct inspect_links l = {.a = a};
    char url[3000];

    (void)state;
    memset(url, 'a', sizeof(url));
    memcpy(url, "https://", 8);
    inspect_links_add(&l, url, INSPECT_URL_MAX, "html");
    inspect_links_add(&l, url, INSPECT_URL_MAX + 1, "html");
    assert_int_equal(l.n, 1);
    assert_int_equal(l.left_out, 1);
    inspect_links_add(&l, " https://a.ex\tam\r\nple/ \n", 24, "html");
    assert_string_equal(l.v[1].url, "https://a.example/");
    for (int i = 0; i < 300; i++) {
        const char *s = base_arena_printf(a, "https://a.example/%d", i);

        inspect_links_add(&l, s, strlen(s), "html");
    }
    assert_int_equal(l.n, POLICY_FACTS_LINKS);
    assert_int_equal(l.left_out, 1 + 300 - (POLICY_FACTS_LINKS - 2));
}

static void test_html_lines(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"<p>a  b\n c</p><p>d", "a b c\nd"},
        {"a<br>b<br/><br>c", "a\nb\nc"},
        {"<b>a</b><i>b</i> <u>c</u>", "ab c"},
        {"<ul><li>a<li>b</ul>", "a\nb"},
        {"<table><tr><td>a</td><td>b</td></tr><tr><th>c<td>d</table>", "a b\nc d"},
        {"<pre>a\n b\r\nc</pre>", "a\nb\nc"},
        {"a<script>b</script><style>c</style><!-- d -->e", "ae"},
        {"<div hidden>a</div>b", "b"},
        {"<div style='DISPLAY : none'>a</div>b", "b"},
        {"<div style='font-size:0'>a</div><div style='font-size:0.9em'>b</div>", "b"},
        {"<div style='opacity:0.0;'>a</div><div style='opacity:0.5'>b</div>", "b"},
        {"<div style='max-height:0px'>a</div><div style='max-height:10px'>b</div>", "b"},
        {"<div style='visibility:hidden'>a</div>b", "b"},
        {"<template>a</template>b", "b"},
        {"<select><option>a</select><textarea>b</textarea>c", "c"},
        {"a<button>b</button><input type=submit value=c><input value=d>e", "a b c e"},
        {"b\xe2\x80\xa8"
         "c\xe2\x80\xa9"
         "d\xe2\x82\xac",
         "b c d€"},
        {"&lt;a&gt; &amp; &#65;&#x42;", "<a> & AB"},
        {"a&#10;b", "a b"},
        {"<a href=x>a</a>\n\n<a href=y>b</a>", "a b"},
        {"", ""},
        {"<", "<"},
        {"<title>t</title>x", "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct inspect_html h;

        assert_null(
            inspect_html_read(a, "utf-8", cases[i].in, strlen(cases[i].in), NULL, false, &h));
        assert_string_equal(h.text, cases[i].out);
    }
}

static void test_html_links(void **state)
{
    static const char html[] =
        "<a href=' https://a.example/?x=1&amp;y=2\n'>a</a><area href=https://b.example/>"
        "<form action='https://c.example/'></form><img src=https://d.example/>"
        "<link href=https://e.example/><a href='javascript:x'>f</a><a href=/g>g</a>"
        "<div style='display:none'><a href=https://h.example/>h</a></div>"
        "<!--<a href=https://i.example/>-->";
    struct inspect_links l = {.a = a};
    struct inspect_html h;

    (void)state;
    assert_null(inspect_html_read(a, NULL, html, sizeof(html) - 1, &l, false, &h));
    assert_string_equal(joined(&l), "https://a.example/?x=1&y=2|https://b.example/"
                                    "|https://c.example/|https://h.example/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_charsets),   cmocka_unit_test(test_words),
        cmocka_unit_test(test_text_links), cmocka_unit_test(test_link_caps),
        cmocka_unit_test(test_html_lines), cmocka_unit_test(test_html_links),
    };

    return cmocka_run_group_tests(tests, start, end);
}
