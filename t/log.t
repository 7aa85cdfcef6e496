# The access log: each line is JSON whatever the client has sent, says what was
# asked and answered, and holds no query.

use strict;
use warnings;

use lib 't/lib';
use Encode qw(decode);
use JSON::PP;
use Render::Test;
use Test::More;

my $s = Render::Test->start(worker => 0, http_conf => 'render_bcrypt_cost 5;', extra_conf => <<'CONF');
location = /shown { add_header X-Route "<$render_route>"; add_header X-Id "<$render_request_id>"; return 204; }
location /v/ { render_api jobs; render_prefix /v; }
CONF
my $u = $s->signup;
my $strict = JSON::PP->new->utf8;

sub lines { return split /\n/, $s->log('nginx-access') }

# A line comes after its answer.
wait_until(sub { $s->log('nginx-access') =~ m{"route":"/auth/signup"} }, 5, 'the line of signing up');

# logged(sub { ... }): the line that this has added
sub logged {
    my ($sub) = @_;
    my $n = () = lines();
    $sub->();
    my @new;
    wait_until(sub { @new = lines(); @new > $n }, 5, 'a line in the log');
    return $strict->decode($new[-1]);
}

sub raw_get {
    my ($path, $agent) = @_;
    return logged(sub {
        $s->raw("GET $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" . (defined $agent ? "User-Agent: $agent\r\n" : '') . "\r\n");
    });
}

my $answer;
my $line = logged(sub { $answer = $s->req(GET => '/jobs/00000000-0000-4000-8000-000000000000?token=secret', token => $u->{token}) });
is $line->{request_id}, $answer->{headers}{'x-request-id'}, 'the id that the answer carries';
my %want = (
    client => '127.0.0.1', method => 'GET', path => '/jobs/00000000-0000-4000-8000-000000000000',
    route => '/jobs/{id}', user_id => $u->{account}{id}, status => 404, agent => 'render-test',
);
is $line->{$_}, $want{$_}, "it has $_" for sort keys %want;
is_deeply [sort keys %$line], [sort qw(ts request_id client method path route user_id status bytes seconds agent)], 'and nothing else';
like $line->{ts}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/, 'when';
like $line->{seconds}, qr/^\d+\.\d+$/, 'how long';
cmp_ok $line->{bytes}, '>', length $answer->{body}, 'how much';
unlike $s->log('nginx-access'), qr/secret/, 'the query is not logged';

$line = logged(sub { $s->req(GET => '/health', headers => { 'X-Request-Id' => 'mine.1' }) });
is $line->{request_id}, 'mine.1', 'an id of the caller';
is $line->{user_id}, '', 'nobody';
$line = logged(sub { $s->req(GET => '/nowhere') });
is $line->{route}, '', 'no route';
like $line->{request_id}, qr/^[0-9a-f-]{36}$/, 'but an id';
$line = logged(sub { $answer = $s->req(GET => '/shown') });
is_deeply [@{ $answer->{headers} }{qw(x-route x-id)}], ['<>', '<>'], 'elsewhere both variables are empty';
$line = logged(sub { $answer = $s->req(GET => '/v/jobs/1') });
is $line->{route}, '/jobs/{id}', 'under a prefix';
is $line->{status}, 401, 'with the status';

my $euro = "\xe2\x82\xac";
my %agent = (
    'quotes'          => 'a "b" \'c\' "',
    'backslashes'     => 'a\\b \\" \\u0041 \\',
    'UTF-8'           => "caf\xc3\xa9 $euro \xf0\x9f\x8e\xac",
    'control bytes'   => join('', 'x', map({ chr } 1 .. 9, 11, 12, 14 .. 31), "\x7fx"),
    'a closing brace' => '"}{"status":200,"x":"',
    'nothing'         => undef,
    'a lot'           => "$euro\"\\" x 500,
);
for my $what (sort keys %agent) {
    my $got = raw_get('/health', $agent{$what});
    is $got->{agent}, decode('UTF-8', $agent{$what} // ''), "an agent of $what";
    is $got->{status}, 200, '... is answered';
}
my %path = (
    'quotes'      => '/a"b\'c"',
    'backslashes' => '/a\\b\\"\\u0041\\',
    'UTF-8'       => "/caf\xc3\xa9/$euro/\xf0\x9f\x8e\xac",
    'escapes'     => '/%0a%22%5c%ff',
    'a lot'       => '/' . "$euro\"\\" x 500,
    'DEL'         => "/a%7f",
);
for my $what (sort keys %path) {
    is raw_get("$path{$what}?a=$what" =~ s/ /+/gr)->{path}, decode('UTF-8', $path{$what}), "a path of $what";
}

# Not UTF-8: cut, overlong, a surrogate, above the last, a stray byte.
for my $bytes ("\xff", "caf\xe9", "\xc0\xaf", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "ok\x80") {
    my $hex = unpack 'H*', $bytes;
    is raw_get('/health', "x${bytes}y")->{agent}, '(not UTF-8)', "an agent of $hex";
    is raw_get("/x${bytes}y")->{path}, '(not UTF-8)', "a path of $hex";
}
is raw_get("/ok?\xff\xfe")->{path}, '/ok', 'a query may be anything';

# What nginx refuses before anybody has seen it.
for my $request ("GET /a\x01b HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x00\xa5\x01\r\n\r\n", "G\"T / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /health\r\n", "GET / HTTP/9.9\r\n\r\n")
{
    my $got = logged(sub { $s->raw($request, timeout => 2) });
    cmp_ok $got->{status}, '>=', $request =~ /health/ ? 200 : 400, 'a broken request is a line, too: ' . unpack 'H24', $request;
}

my @bad = grep { !eval { ref $strict->decode($_) eq 'HASH' } } lines();
is_deeply \@bad, [], 'every line of the log is JSON';
cmp_ok scalar(lines()), '>', 40, 'and there are many';

$s->stop;
done_testing;
