# The WebSocket server against the cases that the Autobahn test suite lists, in
# our own words and with its numbers.  It does not echo, so that a message was
# taken is shown by a ping behind it that is answered, with no Close before.
# Messages may hold 4096 bytes: what is larger there is 1009 here.
#
# Many sockets are open at once and take turns, a piece each, so that pieces of
# one arrive apart.

use strict;
use warnings;

use lib 't/lib';

use IO::Select;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::WS;

use constant LIMIT => 4096;

my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => 'render_bcrypt_cost 5;');
my $token = $s->signup->{token};
my $job = $s->req(POST => '/compositions', token => $token, json => { timeline => { tracks => [{ clips => [
    { asset => { type => 'color', color => '#123' }, duration => 1 }] }] } })->{json}{job_id};
my $headers = { Authorization => "Bearer $token" };

sub connected {
    my ($path, %extra) = @_;
    my $ws = Render::Test::WS->connect('127.0.0.1', $s->port, $path, { %$headers, %extra });
    setsockopt $ws->socket, IPPROTO_TCP, TCP_NODELAY, 1;
    return $ws;
}


# ---------------------------------------------------------------- frames

my ($CONT, $TEXT, $BINARY, $CLOSE, $PING, $PONG) = (0, 1, 2, 8, 9, 10);

sub frame  { my ($opcode, $payload, %opt) = @_; return Render::Test::WS::frame($opcode, defined $payload ? $payload : '', 1, %opt) }
sub part   { return frame($_[0], $_[1], fin => 0) }
sub text   { return frame($TEXT, $_[0]) }
sub ping   { return frame($PING, $_[0]) }
sub closed { my ($code, $reason) = @_; return frame($CLOSE, defined $code ? pack('n', $code) . (defined $reason ? $reason : '') : '') }
sub octets { return split //, join '', @_ }
sub by     { my ($n, @frames) = @_; return unpack "(a$n)*", join '', @frames }

# A message in fragments, each of which is a frame.
sub fragments {
    my ($opcode, @payloads) = @_;
    return map { frame($_ ? $CONT : $opcode, $payloads[$_], fin => $_ == $#payloads) } 0 .. $#payloads;
}

# The head alone of a frame that says it had this many bytes
sub head { my ($opcode, $length) = @_; return chr(0x80 | $opcode) . chr(0xff) . pack('Q>', $length) . "\1\2\3\4" }


# ---------------------------------------------------------------- cases

my @cases;

# what is sent, a write each; and the pongs that come
sub taken {
    my ($name, $pieces, @pongs) = @_;
    push @cases, { name => $name, pieces => [@$pieces, ping('over')], want => join ' ', map({"pong($_)"} @pongs, 'over') };
}

# with a Close of that code, and the end of the connection; '' for a Close without one
sub refused {
    my ($name, $code, $pieces, @pongs) = @_;
    push @cases, { name => $name, pieces => $pieces, end => 1, want => join ' ', map({"pong($_)"} @pongs), "close($code)" };
}

sub shown { my ($frame) = @_; return $frame->{opcode} == $PONG ? "pong($frame->{payload})"
    : $frame->{opcode} == $CLOSE ? 'close(' . (length $frame->{payload} ? unpack 'n', $frame->{payload} : '') . ')' : "opcode $frame->{opcode}" }

# What has come for a case; true once that is all.
sub look {
    my ($case) = @_;
    my $ws = $case->{ws};
    my $ok = eval {
        while (my $frame = $ws->next_frame(0)) {
            die "a frame in fragments\n" unless $frame->{fin};
            next if $frame->{opcode} == $TEXT;      # events
            push @{ $case->{got} }, shown($frame);
            $case->{closed} = 1 if $frame->{opcode} == $CLOSE;
        }
        1;
    };
    push @{ $case->{got} }, "died: $@" unless $ok;
    return 1 if !$ok || $ws->eof;
    return !$case->{end} && @{ $case->{got} } && ($case->{closed} || $case->{got}[-1] eq 'pong(over)');
}

sub run {
    my @open = @_;
    for my $case (@open) {
        $case->{ws}  = connected("/ws/progress/$job");
        $case->{got} = [];
    }

    # Not for ever: a server that does not answer is a failure, not a test that hangs.
    my $until = time + 8;
    my @now = @open;
    while (@now && time < $until) {
        my $sent = 0;
        for my $case (@now) {
            next if $case->{closed} || !@{ $case->{pieces} };
            $case->{ws}->send_raw(shift @{ $case->{pieces} });
            $sent++;
        }
        IO::Select->new(map { $_->{ws}->socket } @now)->can_read($until - time) unless $sent;
        @now = grep { !look($_) } @now;
    }

    for my $case (@open) {
        my $got = join ' ', @{ $case->{got} };
        my $eof = $case->{ws}->eof;
        my $good = $got eq $case->{want} && !$eof == !$case->{end};
        ok $good, $case->{name} or diag "got '$got'" . ($eof ? ' and the end' : '') . ", wanted '$case->{want}'" . ($case->{end} ? ' and the end' : '');
        close $case->{ws}->socket;
    }
}

sub run_all {
    my @all = splice @cases;
    run(splice @all, 0, 100) while @all;
}


# ---------------------------------------------------------------- 1: framing

for my $kind ([1, $TEXT, 'text', '*'], [2, $BINARY, 'binary', "\xfe"]) {
    my ($n, $opcode, $name, $fill) = @$kind;
    my @sizes = (0, 125, 126, 127, 128, LIMIT);
    taken "1.$n." . ($_ + 1) . " $name of $sizes[$_] bytes", [frame($opcode, $fill x $sizes[$_])] for 0 .. $#sizes;
    taken "1.$n.8 $name of $_ bytes, by 997", [by(997, frame($opcode, $fill x $_))] for 126, LIMIT;
    taken "1.$n.8 $name of 125 bytes, octet by octet", [octets frame($opcode, $fill x 125)];
    taken "1.$n.8 $name of 126 bytes, octet by octet", [octets frame($opcode, $fill x 126)];
    refused "1.$n.6 $name of one byte too many", 1009, [frame($opcode, $fill x (LIMIT + 1))];
    refused "1.$n.6 $name of 65535 bytes", 1009, [frame($opcode, $fill x 65535)];
    refused "1.$n.7 $name of 65536 bytes", 1009, [frame($opcode, $fill x 65536)];
    refused "1.$n.8 $name of 65536 bytes, by 997", 1009, [by(997, frame($opcode, $fill x 65536))];
}


# ---------------------------------------------------------------- 2: pings and pongs

my $binary = join '', map { chr } 0x80 .. 0xfc;

taken '2.1 an empty ping', [ping('')], '';
taken '2.2 a ping with text', [ping('Hello, world!')], 'Hello, world!';
taken '2.3 a ping with bytes', [ping("\0\xff\xfe\xfd\xfc\xfb\0\xff")], "\0\xff\xfe\xfd\xfc\xfb\0\xff";
taken '2.4 a ping of 125 bytes', [ping($binary)], $binary;
refused '2.5 a ping of 126 bytes', 1002, [ping('x' x 126)];
taken '2.6 a ping of 125 bytes, octet by octet', [octets ping($binary)], $binary;
taken '2.4 pings of 1 to 124 bytes', [map { ping('p' x $_) } 1 .. 124], map { 'p' x $_ } 1 .. 124;
taken '2.7 a pong that nobody asked for', [frame($PONG)];
taken '2.8 a pong that nobody asked for, with a payload', [frame($PONG, 'unasked')];
refused '2.8 a pong of 126 bytes', 1002, [frame($PONG, 'x' x 126)];
taken '2.9 a pong that nobody asked for, then a ping', [frame($PONG, 'unasked'), ping('asked')], 'asked';
taken '2.10 ten pings', [map { ping("ping $_") } 1 .. 10], map {"ping $_"} 1 .. 10;
taken '2.10 ten pings in one packet', [join '', map { ping("ping $_") } 1 .. 10], map {"ping $_"} 1 .. 10;
taken '2.11 ten pings, octet by octet', [octets map { ping("ping $_") } 1 .. 10], map {"ping $_"} 1 .. 10;


# ---------------------------------------------------------------- 3: reserved bits

my %kind = (text => [$TEXT, 'Hello'], binary => [$BINARY, 'Hello'], ping => [$PING, 'Hello'], pong => [$PONG, ''], close => [$CLOSE, pack 'n', 1000]);
for my $rsv (1 .. 7) {
    for my $kind (sort keys %kind) {
        my $frame = frame(@{ $kind{$kind} }, rsv => $rsv);
        refused "3.$rsv $kind with RSV $rsv", 1002, [$frame];
        refused "3.$rsv $kind with RSV $rsv behind good frames, before a ping", 1002, [text('good') . ping('before') . $frame . ping('behind')], 'before';
    }
    refused "3.$rsv RSV $rsv in a continuation", 1002, [part($TEXT, 'a'), frame($CONT, 'b', rsv => $rsv)];
    refused "3.$rsv a frame at a time", 1002, [text('good'), ping('before'), frame($TEXT, 'x', rsv => $rsv)], 'before';
    refused "3.$rsv octet by octet", 1002, [octets text('good'), ping('before'), frame($TEXT, 'x', rsv => $rsv)], 'before';
}


# ---------------------------------------------------------------- 4: reserved opcodes

for my $row ([1, 3 .. 7], [2, 11 .. 15]) {
    my ($n, @opcodes) = @$row;
    for my $i (0 .. $#opcodes) {
        my ($case, $opcode) = ("4.$n." . ($i + 1), $opcodes[$i]);
        refused "$case opcode $opcode", 1002, [frame($opcode)];
        refused "$case opcode $opcode with a payload", 1002, [frame($opcode, 'reserved')];
        refused "$case opcode $opcode behind a message, before a ping", 1002, [text('good') . frame($opcode, 'x') . ping('behind')];
        refused "$case opcode $opcode, octet by octet", 1002, [octets text('good'), ping('before'), frame($opcode, 'x')], 'before';
        refused "$case opcode $opcode, not the last", 1002, [part($opcode, 'x')];
        refused "$case opcode $opcode inside a message", 1002, [part($TEXT, 'a'), frame($opcode, 'x')];
    }
}


# ---------------------------------------------------------------- 5: fragments

# whole, a frame at a time, octet by octet
sub chopped {
    my ($numbers, $name, $test, $frames) = @_;
    my @ways = (['in one packet', join '', @$frames], ['a frame at a time', @$frames], ['octet by octet', octets @$frames]);
    for my $i (0 .. 2) {
        my ($way, @pieces) = @{ $ways[$i] };
        $test->("5.$numbers->[$i] $name, $way", \@pieces);
    }
}
sub good { my (@pongs) = @_; return sub { taken(@_, @pongs) } }
sub bad  { my (@pongs) = @_; return sub { refused($_[0], 1002, $_[1], @pongs) } }

my @two = fragments($TEXT, 'fragment 1', 'fragment 2');

chopped [1, 1, 1], 'a ping in fragments', bad(), [fragments($PING, 'a', 'b')];
chopped [2, 2, 2], 'a pong in fragments', bad(), [fragments($PONG, 'a', 'b')];
chopped [2, 2, 2], 'a Close in fragments', bad(), [fragments($CLOSE, pack('n', 1000), 'b')];
chopped [3, 4, 5], 'a text in two', good(), [@two];
chopped [3, 4, 5], 'bytes in two', good(), [fragments($BINARY, "\xff", "\xfe")];
chopped [6, 7, 8], 'a ping between two', good('between'), [$two[0], ping('between'), $two[1]];
chopped [6, 7, 8], 'an unasked pong between two', good(), [$two[0], frame($PONG, 'x'), $two[1]];
chopped [9, 10, 11], 'a last continuation of nothing', bad(), [frame($CONT, 'x'), text('Hello')];
chopped [12, 13, 14], 'a continuation of nothing', bad(), [part($CONT, 'x'), text('Hello')];
taken '5.15 a text in two, and another one', [@two, @two];
chopped [15, 15, 15], 'a continuation behind a whole message', bad(), [@two, part($CONT, 'x'), text('Hello')];
chopped [16, 16, 16], 'messages behind a continuation of nothing', bad(), [part($CONT, 'x'), @two, part($CONT, 'x'), @two];
chopped [17, 17, 17], 'messages behind a last continuation of nothing', bad(), [frame($CONT, 'x'), @two, frame($CONT, 'x'), @two];
chopped [18, 18, 18], 'a text within a text', bad(), [part($TEXT, 'a'), text('b')];
chopped [18, 18, 18], 'the beginning of bytes within a text', bad(), [part($TEXT, 'a'), part($BINARY, 'b')];
chopped [18, 18, 18], 'a text within bytes, behind a ping', bad('x'), [part($BINARY, 'a'), ping('x'), text('b')];
my @five = fragments($TEXT, map {"fragment $_"} 1 .. 5);
chopped [19, 19, 20], 'five, with pings', good('one', 'two', 'three', 'four'),
    [@five[0, 1], ping('one'), ping('two'), @five[2, 3], ping('three'), $five[4], ping('four')];


# ---------------------------------------------------------------- 6: texts

my $kosme = "\xce\xba\xcf\x8c\xcf\x83\xce\xbc\xce\xb5";
my $words = "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!";

taken '6.1.1 an empty text', [text('')];
taken '6.1.2 three empty fragments', [fragments($TEXT, '', '', '')];
taken '6.1.3 three fragments, the second with words', [fragments($TEXT, '', 'middle', '')];
taken '6.2.1 letters of two bytes', [text($words)];
taken '6.2.2 in two fragments', [fragments($TEXT, substr($words, 0, 8), substr $words, 8)];
taken '6.2.2 in two fragments, within a letter', [fragments($TEXT, substr($words, 0, 7), substr $words, 7)];
taken '6.2.3 an octet each', [fragments($TEXT, octets $words)];
taken '6.2.4 letters of two bytes, an octet each', [fragments($TEXT, octets $kosme)];
taken '6.2.4 octet by octet', [octets text($kosme)];
refused '6.3.1 a surrogate within words', 1007, [text("${kosme}\xed\xa0\x80edited")];
refused '6.3.2 a surrogate within words, an octet each', 1007, [fragments($TEXT, octets "${kosme}\xed\xa0\x80edited")];

# What follows is held back: a server that waits for it says nothing.
refused '6.4.1 fails at once, the message not at its end', 1007, [part($TEXT, $kosme), part($CONT, "\xf4\x90\x80\x80")];
refused '6.4.2 at the first byte that cannot be', 1007, [part($TEXT, "$kosme\xf4"), part($CONT, "\x90")];
my $broken = text("$kosme\xf4\x90\x80\x80edited");
my $at     = length($broken) - length "\x90\x80\x80edited";
refused '6.4.3 fails at once, the frame not at its end', 1007, [substr($broken, 0, $at), substr $broken, $at, 3];
refused '6.4.4 at the first byte that cannot be', 1007, [substr($broken, 0, $at), substr $broken, $at, 1];
refused '6.4.4 octet by octet', 1007, [octets substr $broken, 0, $at + 1];
refused '6.4.5 with a ping between', 1007, [part($TEXT, "$kosme\xed"), ping('x'), part($CONT, "\xa0")], 'x';

sub u8 { my ($code) = @_; my $c = chr $code; utf8::encode($c); return $c }

# Whole, and an octet each
sub is_text  { my ($name, $text) = @_; taken $name, [text($text)]; taken "$name, an octet each", [fragments($TEXT, octets $text)] if length $text }
sub not_text { my ($name, $text) = @_; refused $name, 1007, [text($text)]; refused "$name, an octet each", 1007, [fragments($TEXT, octets $text)] }

is_text '6.5.1 plain words', 'Hello World';
is_text '6.5.2 letters of two bytes', $kosme;
is_text '6.5.5 all lengths', "a\xc2\xa2\xe2\x82\xac\xf0\x90\x8d\x88";
for my $n (1 .. length $kosme) {
    my $prefix = substr $kosme, 0, $n;
    $n % 2 ? not_text("6.6.$n cut off after $n bytes", $prefix) : is_text("6.6.$n whole letters, $n bytes", $prefix);
}
is_text sprintf('6.7 the first of its length: U+%04X', $_), u8($_) for 0, 0x80, 0x800, 0x10000;
not_text '6.8.1 the first of five bytes', "\xf8\x88\x80\x80\x80";
not_text '6.8.2 the first of six bytes', "\xfc\x84\x80\x80\x80\x80";
is_text sprintf('6.9 the last of its length: U+%04X', $_), u8($_) for 0x7f, 0x7ff, 0xffff, 0x10ffff;
not_text '6.10.1 the last of four bytes', "\xf7\xbf\xbf\xbf";
not_text '6.10.2 the last of five', "\xfb\xbf\xbf\xbf\xbf";
not_text '6.10.3 the last of six', "\xfd\xbf\xbf\xbf\xbf\xbf";
is_text sprintf('6.11 at a bound: U+%04X', $_), u8($_) for 0xd7ff, 0xe000, 0xfffd, 0x10ffff;
not_text '6.11.5 at a bound: U+110000', "\xf4\x90\x80\x80";
not_text '6.12.1 the first byte that continues', "\x80";
not_text '6.12.2 the last one', "\xbf";
not_text "6.12.$_ $_ of them", substr "\x80\xbf\x80\xbf\x80\xbf\x80", 0, $_ for 2 .. 7;
not_text '6.12.8 all of them', join '', map { chr } 0x80 .. 0xbf;
not_text sprintf('6.13 a lonely beginning: %02x', $_), chr($_) . ' ' for 0xc2, 0xdf, 0xe0, 0xef, 0xf0, 0xf4, 0xf8, 0xfb, 0xfc, 0xfd;
my @lacking = ("\xc3", "\xe0\xa0", "\xef\xbf", "\xf0\x90\x80", "\xf3\xbf\xbf", "\xf4\x8f\xbf", "\xf8\x88\x80\x80", "\xfc\x84\x80\x80\x80");
not_text '6.14 the last byte lacks: ' . unpack('H*', $_), $_ for @lacking;
not_text '6.15.1 all of those', join '', @lacking;
not_text "6.16 a byte that never is: $_", pack 'H*', $_ for qw(fe ff fefeffff c0 c1 f5 f6 f7);
my @slash = qw(c0af e080af f08080af f8808080af fc80808080af);
not_text "6.17 the slash, too long: $_", pack 'H*', $_ for @slash;
not_text "6.18 the last too long: $_", pack 'H*', $_ for qw(c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf);
not_text "6.19 NUL, too long: $_", pack 'H*', $_ for qw(c080 e08080 f0808080 f880808080 fc8080808080);
not_text "6.20 a surrogate: $_", pack 'H*', $_ for qw(eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf);
not_text "6.21 a pair of surrogates: $_", pack 'H*', $_ for qw(eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf edae80edb080 edafbfedbfbf);
is_text sprintf('6.22 no character, but text: U+%04X', $_), do { no warnings; u8($_) } for 0xfffe, 0xffff, 0xfdd0, map { ($_ << 16 | 0xfffe, $_ << 16 | 0xffff) } 1 .. 16;
is_text sprintf('6.23 special: U+%04X', $_), u8($_) for 0xfff9 .. 0xfffd, 0xfeff;


# ---------------------------------------------------------------- 7: the end

refused '7.1.1 a message, then Close', 1000, [text('Hello'), closed(1000)];
refused '7.1.2 Close twice', 1000, [closed(1000) . closed(1000)];
refused '7.1.2 the first counts', 1000, [closed(1000) . closed(3000)];
refused '7.1.3 a ping behind it is not answered', 1000, [closed(1000) . ping('late')];
refused '7.1.4 a message behind it', 1000, [closed(1000) . text('late')];
refused '7.1.4 what is against the rules behind it', 1000, [closed(1000) . frame(3, 'late', rsv => 7) . "\xff" x 100];
refused '7.1.5 the rest of a message behind it', 1000, [$two[0] . closed(1000) . $two[1]];
refused '7.1.6 many messages before it', 1000, [map({ text('x' x LIMIT) } 1 .. 64), text('Hello'), closed(1000), ping('late')];
refused '7.3.1 without a code', '', [closed()];
refused '7.3.2 of one byte', 1002, [frame($CLOSE, 'a')];
refused '7.3.3 with a code', 1000, [closed(1000)];
refused '7.3.4 and a reason', 1000, [closed(1000, 'Hello World!')];
refused '7.3.5 of 123 bytes', 1000, [closed(1000, 'r' x 123)];
refused '7.3.5 octet by octet', 1000, [octets closed(1000, 'r' x 123)];
refused '7.3.6 of 124 bytes', 1002, [closed(1000, 'r' x 124)];
refused '7.5.1 that is no text', 1007, [closed(1000, "${kosme}\xed\xa0\x80edited")];
refused '7.5.1 that is cut off', 1007, [closed(1000, "${kosme}\xce")];
refused '7.5.1 that is text', 1000, [closed(1000, $kosme)];
my $i = 0;
refused '7.7.' . ++$i . " code $_", $_, [closed($_)] for 1000 .. 1003, 1007 .. 1014, 3000, 3999, 4000, 4999;
$i = 0;
refused '7.9.' . ++$i . " code $_", 1002, [closed($_)] for 0, 1, 999, 1004 .. 1006, 1015, 1016, 1100, 2000, 2999;
refused '7.9.' . ++$i . " code $_, with a reason", 1002, [closed($_, 'why')] for 0, 999, 1004 .. 1006, 1016, 2999;
refused "7.13.1 code $_", 1002, [closed($_)] for 5000, 32768, 65535;
refused '7.13.2 four bytes of code', 1002, [frame($CLOSE, pack 'N', 65536)];


# ---------------------------------------------------------------- 9: limits

for my $kind ([1, $TEXT, 'text', 'x'], [2, $BINARY, 'binary', "\xff"]) {
    my ($n, $opcode, $name, $fill) = @$kind;
    my $most = $fill x LIMIT;
    taken "9.$n.1 $name as long as may be", [frame($opcode, $most)];
    taken "9." . ($n + 2) . " in fragments of $_", [fragments($opcode, by($_, $most))] for 1, 64, 256, 1024, 4095;
    taken "9." . ($n + 4) . " by $_", [by($_, frame($opcode, $most))] for 1, 64, 128, 1000, 4095;
    refused "9." . ($n + 2) . " one byte too many, in fragments of $_", 1009, [map { part($_ ? $CONT : $opcode, $fill x $_) } 0, by_size($_)] for 64, 1024;
    refused "9.$n.$_ the head alone says that it has 2^$_ bytes", 1009, [head($opcode, 2**$_)] for 16, 20, 24, 32, 48, 62;
    refused "9.$n.6 the head alone, behind a whole message", 1009, [frame($opcode, $most), head($opcode, 2**24)];
    for my $size (0, 16, 64, 256, 1024) {
        my $hundred = join '', map({ frame($opcode, $fill x $size) } 1 .. 100), ping("$size");
        taken "9." . ($n + 6) . " a thousand of $size bytes", [($hundred) x 10], ($size) x 10;
    }
}

# Lengths of fragments that are one more than may be, all but the first
sub by_size { my ($n) = @_; return map { $_ == int(LIMIT / $n) ? 1 : $n } 0 .. LIMIT / $n }


# ---------------------------------------------------------------- 10: fragments of no special size

taken '10.1.1 as long as may be, in fragments of 1300', [fragments($TEXT, by(1300, 'x' x LIMIT))];
taken '10.1.1 by 1300', [by(1300, fragments($TEXT, by(1300, 'x' x LIMIT)))];

run_all();


# ---------------------------------------------------------------- 12, 13: no extensions

for my $offer ('permessage-deflate', 'permessage-deflate; client_max_window_bits, x-webkit-deflate-frame', 'none-such; a="b, c"') {
    my $ws = connected("/ws/progress/$job", 'Sec-WebSocket-Extensions' => $offer);
    is $ws->status, 101, "12.1 with an offer of $offer";
    ok !exists $ws->headers->{'sec-websocket-extensions'}, 'which is not taken';
    $ws->send_frame($TEXT, 'compressed', 1, rsv => 4);
    my $m;
    do { $m = $ws->next_message(5) } while $m && $m->{opcode} == $TEXT;
    is $m && $m->{code}, 1002, 'nor what is sent as if it were';
}

# Ours is told in words, and nobody is left over.
my $ws = connected("/ws/progress/$job");
$ws->send_raw(head($TEXT, 2**20));
my $m;
do { $m = $ws->next_message(5) } while $m && $m->{opcode} == $TEXT;
like $m->{reason}, qr/\b4096 bytes\b/, 'a Close says why';
ok eval { wait_until(sub { $s->req(GET => '/metrics')->{body} =~ /^render_ws_connections 0$/m }, 5) }, 'no socket is left'
    or diag grep {/ws_conn/} split /^/, $s->req(GET => '/metrics')->{body};

$s->stop;
done_testing;
