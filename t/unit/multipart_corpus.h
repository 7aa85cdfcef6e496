/*
 * Multipart bodies, good and refused, each with what a parser must say of it,
 * written down as  name<filename>(type)=[data]  for each part, "." for the end,
 * "!" and a sentence for an error, "?" and a sentence for a body that ends too
 * early.  And values of Content-Type.
 */

#ifndef MULTIPART_CORPUS_H
#define MULTIPART_CORPUS_H


#define CT      "multipart/form-data; boundary=bound"
#define CD      "Content-Disposition: form-data; "
#define FIELD   "--bound\r\n" CD "name=\"a\"\r\n"
#define LAST    "\r\n--bound--\r\n"
#define TEN     "0123456789"
#define FIFTY   TEN TEN TEN TEN TEN
#define SEVENTY FIFTY TEN TEN
#define ONE25   FIFTY FIFTY TEN TEN "01234"
#define ONE26   ONE25 "5"
#define ONE27   ONE26 "6"
#define TWO55   FIFTY FIFTY FIFTY FIFTY FIFTY "01234"

/* one whole body with a field "a" of these headers behind its disposition */
#define WITH(more)  FIELD more "\r\nx" LAST
/* ... and of these parameters */
#define PARAMS(s)   "--bound\r\nContent-Disposition: " s "\r\n\r\nx" LAST


typedef struct {
    const char  *what;
    const char  *type;                  /* of the request */
    const char  *body;
    size_t       len;
    const char  *want;
    size_t       want_len;
} example;

#define BODY(s)  s, sizeof(s) - 1


static const example  good[] = {
    { "one field", CT,
      BODY(FIELD "\r\nhello" LAST), BODY("a=[hello].") },
    { "no last line end", CT,
      BODY(FIELD "\r\nhello\r\n--bound--"), BODY("a=[hello].") },
    { "an empty field", CT, BODY(FIELD "\r\n" LAST), BODY("a=[].") },
    { "a field without the line end of its data", CT,
      BODY(FIELD "\r\n--bound--\r\n"), BODY("a=[].") },
    { "no parts", CT, BODY("--bound--\r\n"), BODY(".") },
    { "no parts behind an empty line", CT, BODY("\r\n--bound--"), BODY(".") },
    { "a file", CT,
      BODY("--bound\r\n" CD "name=\"f\"; filename=\"a.mp4\"\r\n"
           "Content-Type: Video/MP4\r\n\r\n\x00\x01\xff\x80" LAST),
      BODY("f<a.mp4>(video/mp4)=[\x00\x01\xff\x80].") },
    { "no file chosen", CT,
      BODY("--bound\r\n" CD "name=\"f\"; filename=\"\"\r\n"
           "Content-Type: application/octet-stream\r\n\r\n" LAST),
      BODY("f<>(application/octet-stream)=[].") },
    { "several files and a field between", CT,
      BODY("--bound\r\n" CD "name=\"f\"; filename=\"1\"\r\n\r\none\r\n"
           FIELD "\r\ntwo\r\n"
           "--bound\r\n" CD "name=\"f\"; filename=\"3\"\r\n\r\nthree" LAST),
      BODY("f<1>=[one]a=[two]f<3>=[three].") },
    { "a quoted boundary", "multipart/form-data; boundary=\"b d:/?\"",
      BODY("--b d:/?\r\n" CD "name=a\r\n\r\nx\r\n--b d:/?--"),
      BODY("a=[x].") },
    { "a boundary with an equals sign, not quoted",
      "Multipart/Form-Data;  charset=utf-8 ; Boundary=----=_Part_1_2.3;",
      BODY("------=_Part_1_2.3\r\n" CD "name=a\r\n\r\nx\r\n"
           "------=_Part_1_2.3--"),
      BODY("a=[x].") },
    { "a boundary of 70", "multipart/form-data; boundary=" SEVENTY,
      BODY("--" SEVENTY "\r\n" CD "name=a\r\n\r\nx\r\n--"
           "0123456789" FIFTY "012345678\r\n--" SEVENTY "--"),
      BODY("a=[x\r\n--0123456789" FIFTY "012345678].") },
    { "a boundary of one dash", "multipart/form-data; boundary=-",
      BODY("---\r\n" CD "name=a\r\n\r\n-\r\n-\r\n--\r\n-----"),
      BODY("a=[-\r\n-\r\n--].") },
    { "a boundary inside another parameter",
      "multipart/form-data; x=\"; boundary=no\"; boundary=bound",
      BODY(FIELD "\r\nx" LAST), BODY("a=[x].") },
    { "a preamble", CT,
      BODY("This is\r\r\n--boun\r\nnothing\n--bound\r\n" FIELD "\r\nx" LAST),
      BODY("a=[x].") },
    { "a preamble that nearly is a delimiter", CT,
      BODY("--boun\r\n" FIELD "\r\nx" LAST), BODY("a=[x].") },
    { "a preamble of CRs", CT,
      BODY("\r\r\r\n\r\n" FIELD "\r\nx" LAST), BODY("a=[x].") },
    { "an epilogue", CT,
      BODY(FIELD "\r\nx" LAST "epilogue\r\n" FIELD "\r\ny" LAST),
      BODY("a=[x].") },
    { "padding behind delimiters", CT,
      BODY("--bound \t \r\n" CD "name=\"a\"\r\n\r\nx\r\n--bound\t\r\n"
           CD "name=\"b\"\r\n\r\ny\r\n--bound--  \r\n"),
      BODY("a=[x]b=[y].") },
    { "padding before the last dashes", CT,
      BODY(FIELD "\r\nx\r\n--bound --"), BODY("a=[x].") },
    { "data that almost is a delimiter", CT,
      BODY(FIELD "\r\n\r\n--bounX\r\n--boun\r\n--\r\n-\r\n\r\r\n--boun\r\r"
           "--bound\n--bound\r--bound\r-\r\n -bound--bound" LAST),
      BODY("a=[\r\n--bounX\r\n--boun\r\n--\r\n-\r\n\r\r\n--boun\r\r"
           "--bound\n--bound\r--bound\r-\r\n -bound--bound].") },
    { "data that begins as a delimiter without CRLF", CT,
      BODY(FIELD "\r\n--boun" LAST), BODY("a=[--boun].") },
    { "data that begins as two dashes and CRLF", CT,
      BODY(FIELD "\r\n--\r\n--" LAST), BODY("a=[--\r\n--].") },
    { "a CR before the delimiter", CT,
      BODY(FIELD "\r\nx\r" LAST), BODY("a=[x\r].") },
    { "a CRLF before the delimiter", CT,
      BODY(FIELD "\r\nx\r\n" LAST), BODY("a=[x\r\n].") },
    { "nothing but CRs", CT,
      BODY(FIELD "\r\n\r\r\r\r" LAST), BODY("a=[\r\r\r\r].") },
    { "nothing but line ends", CT,
      BODY(FIELD "\r\n\r\n\r\n\r\n" LAST), BODY("a=[\r\n\r\n\r\n].") },
    { "LFs in data", CT,
      BODY(FIELD "\r\n\n--bound\n\n" LAST), BODY("a=[\n--bound\n\n].") },
    { "header names in any case, no space, much space", CT,
      BODY("--bound\r\ncOnTeNt-dIsPoSiTiOn:FORM-DATA;NAME=a;FileName=b\r\n"
           "CONTENT-TYPE: \t image/PNG \t;\tx=y \r\nX-Other: \"\r\n\r\nx" LAST),
      BODY("a<b>(image/png)=[x].") },
    { "filename= inside a name", CT,
      BODY(PARAMS("form-data; name=\"x; filename=y; z\"")),
      BODY("x; filename=y; z=[x].") },
    { "filename= inside a name without quotes", CT,
      BODY(PARAMS("form-data; name=filename=y")), BODY("filename=y=[x].") },
    { "name= inside a filename", CT,
      BODY(PARAMS("form-data; filename=\"; name=no\"; name=\"a\"")),
      BODY("a<; name=no>=[x].") },
    { "a parameter that ends as filename does", CT,
      BODY(PARAMS("form-data; xfilename=\"no\"; xname=no; name=\"a\"")),
      BODY("a=[x].") },
    { "escapes of browsers", CT,
      BODY(PARAMS("form-data; name=\"a%22b\"; filename=\"%0d%0A%22%20%2\"")),
      BODY("a\"b<\r\n\"%20%2>=[x].") },
    { "escapes by backslashes", CT,
      BODY(PARAMS("form-data; name=\"a\\\"b\\\\c\\d\"; "
                  "filename=\"\\\"q\\\"\"")),
      BODY("a\"b\\c\\d<\"q\">=[x].") },
    { "percent without quotes", CT,
      BODY(PARAMS("form-data; name=a%22")), BODY("a%22=[x].") },
    { "a path of Unix", CT,
      BODY(PARAMS("form-data; name=a; filename=\"../../etc/passwd\"")),
      BODY("a<passwd>=[x].") },
    { "a path of Windows", CT,
      BODY(PARAMS("form-data; name=a; filename=\"C:\\dir\\new.mp4\"")),
      BODY("a<new.mp4>=[x].") },
    { "an escaped path of Windows", CT,
      BODY(PARAMS("form-data; name=a; filename=\"C:\\\\dir\\\\new.mp4\"")),
      BODY("a<new.mp4>=[x].") },
    { "a path and no name", CT,
      BODY(PARAMS("form-data; name=a; filename=\"dir/\"")),
      BODY("a<>=[x].") },
    { "UTF-8 in names", CT,
      BODY(PARAMS("form-data; name=\"\xc3\xa4\"; "
                  "filename=\"\xe6\xbc\xa2\xf0\x9f\x8e\xac.mp4\"")),
      BODY("\xc3\xa4<\xe6\xbc\xa2\xf0\x9f\x8e\xac.mp4>=[x].") },
    { "filename* beside filename", CT,
      BODY(PARAMS("form-data; name=a; filename=\"b\"; filename*=UTF-8''c")),
      BODY("a<b>=[x].") },
    { "filename* alone", CT,
      BODY(PARAMS("form-data; name=a; filename*=UTF-8''%2e%2e%2fc")),
      BODY("a=[x].") },
    { "the longest names", CT,
      BODY(PARAMS("form-data; name=" ONE27 "; filename=\"/" TWO55 "\"")),
      BODY(ONE27 "<" TWO55 ">=[x].") },
    { "empty parameters", CT,
      BODY(PARAMS("form-data;; ;name=a;")), BODY("a=[x].") },
    { "encodings that change nothing", CT,
      BODY(FIELD "Content-Transfer-Encoding: 8BIT \r\n\r\nx\r\n"
           FIELD "content-transfer-encoding: 7bit\r\n\r\ny\r\n"
           FIELD "content-transfer-encoding: binary\r\n\r\nz" LAST),
      BODY("a=[x]a=[y]a=[z].") },
    { "an empty type", CT,
      BODY(WITH("Content-Type: \r\n")), BODY("a=[x].") },
    { "the longest type", CT,
      BODY(WITH("Content-Type: a/" ONE25 "\r\n")),
      BODY("a(a/" ONE25 ")=[x].") },
    { "a field in UTF-8", CT,
      BODY(WITH("Content-Type: text/plain; charset=\"UTF-8\"\r\n")),
      BODY("a(text/plain)=[x].") },
    { "a file in another character set", CT,
      BODY("--bound\r\n" CD "name=a; filename=b\r\n"
           "Content-Type: text/plain; charset=latin1\r\n\r\nx" LAST),
      BODY("a<b>(text/plain)=[x].") },
    { "_charset_", CT,
      BODY("--bound\r\n" CD "name=_charset_\r\n\r\nutf-8\r\n"
           FIELD "\r\nx" LAST),
      BODY("_charset_=[utf-8]a=[x].") },
    { "_charset_ as a file", CT,
      BODY("--bound\r\n" CD "name=_charset_; filename=x\r\n\r\nkoi8-r" LAST),
      BODY("_charset_<x>=[koi8-r].") },
    { "dashes and dots as boundary",
      "multipart/form-data; boundary=\"--'()+,.\"",
      BODY("----'()+,.\r\n" CD "name=a\r\n\r\n--\r\n----'()+,\r\n----'()+,.--"),
      BODY("a=[--\r\n----'()+,].") },
};


static const example  refused[] = {
    { "an empty body", CT, BODY(""),
      BODY("?the body has no delimiter with the boundary that the "
           "Content-Type names") },
    { "another boundary", CT, BODY("--other\r\n" CD "name=a\r\n\r\nx"),
      BODY("?the body has no delimiter with the boundary that the "
           "Content-Type names") },
    { "a delimiter in the middle of a line", CT, BODY(" " FIELD "\r\nx"),
      BODY("?the body has no delimiter with the boundary that the "
           "Content-Type names") },
    { "the end within a delimiter of the preamble", CT, BODY("x\r\n--bou"),
      BODY("?the body has no delimiter with the boundary that the "
           "Content-Type names") },
    { "the end behind a delimiter", CT, BODY("--bound"),
      BODY("?the form ends before its closing delimiter") },
    { "the end behind a delimiter's CR", CT, BODY("--bound\r"),
      BODY("?the form ends before its closing delimiter") },
    { "the end behind one dash", CT, BODY("--bound-"),
      BODY("?the form ends before its closing delimiter") },
    { "the end within headers", CT, BODY(FIELD),
      BODY("?the form ends within the headers of a part") },
    { "the end within data", CT, BODY(FIELD "\r\nhel"),
      BODY("a=[hel?the form ends before its closing delimiter") },
    { "the end within a delimiter", CT, BODY(FIELD "\r\nhel\r\n--boun"),
      BODY("a=[hel?the form ends before its closing delimiter") },
    { "LF alone everywhere", CT,
      BODY("--bound\n" CD "name=a\n\nx\n--bound--\n"),
      BODY("!the lines of the form end by LF alone; CRLF is needed") },
    { "LF alone behind a padded delimiter", CT, BODY("--bound  \nx"),
      BODY("!the lines of the form end by LF alone; CRLF is needed") },
    { "LF alone in headers", CT,
      BODY("--bound\r\n" CD "name=a\nX: y\r\n\r\nx" LAST),
      BODY("!a header of a part ends by LF alone; CRLF is needed") },
    { "an empty line of LF alone", CT,
      BODY("--bound\r\n" CD "name=a\r\n\nx" LAST),
      BODY("!a header of a part ends by LF alone; CRLF is needed") },
    { "LF alone at once", CT, BODY("--bound\r\n\nx" LAST),
      BODY("!a header of a part ends by LF alone; CRLF is needed") },
    { "LF alone between parts", CT,
      BODY(FIELD "\r\nx\r\n--bound\n" CD "name=b\n\ny" LAST),
      BODY("a=[x!the lines of the form end by LF alone; CRLF is needed") },
    { "one dash", CT, BODY(FIELD "\r\nx\r\n--bound-\r\ny" LAST),
      BODY("a=[x!a delimiter of the form is followed by a single \"-\"; the "
           "last one is followed by \"--\"") },
    { "a longer boundary in data", CT, BODY(FIELD "\r\nx\r\n--boundX\r\n" LAST),
      BODY("a=[x!a delimiter of the form is followed by something other than "
           "CRLF or \"--\"") },
    { "a CR without LF behind a delimiter", CT, BODY("--bound\r\rx"),
      BODY("!a delimiter of the form is followed by CR without LF") },
    { "no headers", CT, BODY("--bound\r\n\r\nx" LAST),
      BODY("!a part has no Content-Disposition") },
    { "no disposition", CT, BODY("--bound\r\nContent-Type: a/b\r\n\r\nx" LAST),
      BODY("!a part has no Content-Disposition") },
    { "two parts, the second broken", CT,
      BODY(FIELD "\r\nx\r\n--bound\r\nX: y\r\n\r\nz" LAST),
      BODY("a=[x]!a part has no Content-Disposition") },
    { "another disposition", CT, BODY(PARAMS("attachment; name=a")),
      BODY("!the Content-Disposition of a part must be form-data") },
    { "an empty disposition", CT, BODY(PARAMS("")),
      BODY("!the Content-Disposition of a part must be form-data") },
    { "no name", CT, BODY(PARAMS("form-data; filename=a")),
      BODY("!the Content-Disposition of a part has no name") },
    { "only name*", CT, BODY(PARAMS("form-data; name*=UTF-8''a")),
      BODY("!the Content-Disposition of a part has no name") },
    { "an empty name", CT, BODY(PARAMS("form-data; name=\"\"")),
      BODY("!the name of a part is empty") },
    { "two names", CT, BODY(PARAMS("form-data; name=a; name=b")),
      BODY("!a part has two names") },
    { "two filenames", CT,
      BODY(PARAMS("form-data; name=a; filename=\"\"; filename=b")),
      BODY("!a part has two names of a file") },
    { "two dispositions", CT,
      BODY(WITH("Content-Disposition: form-data; name=b\r\n")),
      BODY("!a part has two Content-Dispositions") },
    { "two types", CT,
      BODY(WITH("Content-Type: a/b\r\ncontent-type: c/d\r\n")),
      BODY("!a part has two Content-Types") },
    { "two encodings", CT,
      BODY(WITH("Content-Transfer-Encoding: 7bit\r\n"
                "Content-Transfer-Encoding: 8bit\r\n")),
      BODY("!a part has two Content-Transfer-Encodings") },
    { "a quote that does not end", CT, BODY(PARAMS("form-data; name=\"a")),
      BODY("!a quoted value of a header does not end") },
    { "an escaped last quote", CT, BODY(PARAMS("form-data; name=\"a\\\"")),
      BODY("!a quoted value of a header does not end") },
    { "letters behind a quote", CT, BODY(PARAMS("form-data; name=\"a\"b")),
      BODY("!the parameters of a header are not separated by semicolons") },
    { "a comma between parameters", CT,
      BODY(PARAMS("form-data; name=\"a\", filename=b")),
      BODY("!the parameters of a header are not separated by semicolons") },
    { "no equals sign", CT, BODY(PARAMS("form-data; name")),
      BODY("!a parameter of a header is not written name=value") },
    { "a space before the equals sign", CT, BODY(PARAMS("form-data; name =a")),
      BODY("!a parameter of a header is not written name=value") },
    { "no name of a parameter", CT, BODY(PARAMS("form-data; =a")),
      BODY("!a parameter of a header is not written name=value") },
    { "no value", CT, BODY(PARAMS("form-data; name=")),
      BODY("!a parameter of a header has no value") },
    { "a space before the value", CT, BODY(PARAMS("form-data; name= a")),
      BODY("!a parameter of a header has no value") },
    { "UTF-8 without quotes", CT, BODY(PARAMS("form-data; name=\xc3\xa4")),
      BODY("!a value of a header needs quotes") },
    { "a quote inside", CT, BODY(PARAMS("form-data; name=a\"b\"")),
      BODY("!a value of a header needs quotes") },
    { "too long a name", CT, BODY(PARAMS("form-data; name=" ONE27 "x")),
      BODY("!the name of a part is longer than 127 bytes") },
    { "too long a filename", CT,
      BODY(PARAMS("form-data; name=a; filename=" TWO55 "x")),
      BODY("!the name of a file is longer than 255 bytes") },
    { "a NUL in a name", CT, BODY(PARAMS("form-data; name=\"a\0b\"")),
      BODY("!a header of a part holds a NUL") },
    { "a NUL in another header", CT, BODY(WITH("X: \0\r\n")),
      BODY("!a header of a part holds a NUL") },
    { "a control character", CT, BODY(PARAMS("form-data; name=\"a\x01\"")),
      BODY("!a header of a part holds a control character") },
    { "a CR within a header", CT, BODY(PARAMS("form-data; name=\"a\rb\"")),
      BODY("!a header of a part holds a control character") },
    { "a name in Latin-1", CT, BODY(PARAMS("form-data; name=\"\xe4\"")),
      BODY("!the name of a part is not UTF-8") },
    { "an overlong character", CT, BODY(PARAMS("form-data; name=\"\xc0\xaf\"")),
      BODY("!the name of a part is not UTF-8") },
    { "a surrogate in a filename", CT,
      BODY(PARAMS("form-data; name=a; filename=\"\xed\xa0\x80\"")),
      BODY("!the name of a file is not UTF-8") },
    { "a cut character", CT,
      BODY(PARAMS("form-data; name=a; filename=\"\xe6\xbc\"")),
      BODY("!the name of a file is not UTF-8") },
    { "beyond Unicode", CT,
      BODY(PARAMS("form-data; name=a; filename=\"\xf4\x90\x80\x80\"")),
      BODY("!the name of a file is not UTF-8") },
    { "base64", CT, BODY(WITH("Content-Transfer-Encoding: base64\r\n")),
      BODY("!the Content-Transfer-Encoding of a part must be 7bit, 8bit or "
           "binary") },
    { "an encoding with more behind it", CT,
      BODY(WITH("Content-Transfer-Encoding: binary; x=y\r\n")),
      BODY("!the Content-Transfer-Encoding of a part must be 7bit, 8bit or "
           "binary") },
    { "an empty encoding", CT, BODY(WITH("Content-Transfer-Encoding:\r\n")),
      BODY("!the Content-Transfer-Encoding of a part must be 7bit, 8bit or "
           "binary") },
    { "nested files", CT,
      BODY(WITH("Content-Type: Multipart/Mixed; boundary=x\r\n")),
      BODY("!a part of the type multipart/mixed is not taken; send each file "
           "as a part of its own") },
    { "another multipart", CT,
      BODY(WITH("Content-Type: multipart/related; boundary=x\r\n")),
      BODY("!a part may not be a multipart itself") },
    { "a type without subtype", CT, BODY(WITH("Content-Type: video\r\n")),
      BODY("!the Content-Type of a part is not written type/subtype") },
    { "a type with two slashes", CT, BODY(WITH("Content-Type: a/b/c\r\n")),
      BODY("!the Content-Type of a part is not written type/subtype") },
    { "a type of nothing", CT, BODY(WITH("Content-Type: ; a=b\r\n")),
      BODY("!the Content-Type of a part is not written type/subtype") },
    { "too long a type", CT, BODY(WITH("Content-Type: a/" ONE26 "\r\n")),
      BODY("!the Content-Type of a part is longer than 127 bytes") },
    { "a field in another character set", CT,
      BODY(WITH("Content-Type: text/plain; charset=ISO-8859-1\r\n")),
      BODY("!a field is in another character set than UTF-8") },
    { "a form in another character set", CT,
      BODY("--bound\r\n" CD "name=_charset_\r\n\r\nShift_JIS\r\n"
           FIELD "\r\nx" LAST),
      BODY("_charset_=[Shift_JIS!the form's field \"_charset_\" names another "
           "character set than UTF-8") },
    { "a character set of any length", CT,
      BODY("--bound\r\n" CD "name=_charset_\r\n\r\nutf-8" FIFTY LAST),
      BODY("_charset_=[utf-8" FIFTY "!the form's field \"_charset_\" names "
           "another character set than UTF-8") },
    { "a folded header", CT, BODY(PARAMS("form-data;\r\n name=a")),
      BODY("!a header of a part is folded into two lines") },
    { "a folded first line", CT, BODY("--bound\r\n " CD "name=a\r\n\r\nx" LAST),
      BODY("!a header of a part is folded into two lines") },
    { "a space before the colon", CT,
      BODY(WITH("Content-Type : text/plain\r\n")),
      BODY("!a header of a part is not written name: value") },
    { "a header without a colon", CT, BODY(WITH("nonsense\r\n")),
      BODY("!a header of a part is not written name: value") },
    { "a header without a name", CT, BODY(WITH(": x\r\n")),
      BODY("!a header of a part is not written name: value") },
    { "a delimiter in place of headers", CT,
      BODY("--bound\r\n--bound--\r\n\r\n"),
      BODY("!a header of a part is not written name: value") },
};


/* Request headers that are refused, or are not (NULL). */

static const struct {
    const char  *value;
    const char  *why;
} types[] = {
    { CT, NULL },
    { "  multipart/form-data ; boundary=bound ", NULL },
    { "multipart/form-data;boundary=\"bound\"", NULL },
    { "", "the Content-Type must be multipart/form-data" },
    { "multipart/mixed; boundary=x",
      "the Content-Type must be multipart/form-data" },
    { "multipart/form-data-x; boundary=x",
      "the Content-Type must be multipart/form-data" },
    { "application/x-www-form-urlencoded",
      "the Content-Type must be multipart/form-data" },
    { "multipart/form-data", "the Content-Type names no boundary" },
    { "multipart/form-data; xboundary=a; charset=\"; boundary=a\"",
      "the Content-Type names no boundary" },
    { "multipart/form-data; boundary=a; BOUNDARY=a",
      "the Content-Type names a boundary twice" },
    { "multipart/form-data; boundary=\"\"",
      "the boundary in the Content-Type must have 1 to 70 characters" },
    { "multipart/form-data; boundary=" SEVENTY "x",
      "the boundary in the Content-Type must have 1 to 70 characters" },
    { "multipart/form-data; boundary=\"a \"",
      "the boundary in the Content-Type holds a character that is not allowed "
      "there" },
    { "multipart/form-data; boundary=\"a\r\nb\"",
      "the boundary in the Content-Type holds a character that is not allowed "
      "there" },
    { "multipart/form-data; boundary=\"a\\\\b\"",
      "the boundary in the Content-Type holds a character that is not allowed "
      "there" },
    { "multipart/form-data;boundary=\"a\\\"b\"",
      "the boundary in the Content-Type holds a character that is not allowed "
      "there" },
    { "multipart/form-data; boundary=a@b",
      "the boundary in the Content-Type holds a character that is not allowed "
      "there" },
    { "multipart/form-data; boundary=\"\xc3\xa4\"",
      "the boundary in the Content-Type holds a character that is not allowed "
      "there" },
    { "multipart/form-data; boundary=a, b",
      "the parameters of a header are not separated by semicolons" },
    { "multipart/form-data; boundary=\"a",
      "a quoted value of a header does not end" },
    { "multipart/form-data; boundary=",
      "a parameter of a header has no value" },
    { "multipart/form-data; boundary",
      "a parameter of a header is not written name=value" },
};


#endif /* MULTIPART_CORPUS_H */
