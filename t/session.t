# Signing in by form and cookie, tickets, and what of these is taken where.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(hmac_sha256);
use JSON::PP qw(decode_json encode_json);
use MIME::Base64 qw(decode_base64url encode_base64url);
use Test::More;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::Form;
use Render::Test::Problem;

my $s = Render::Test->start(worker => 0, nginx_workers => 2, http_conf => 'render_bcrypt_cost 5;');
my $user  = $s->signup;
my $token = $user->{token};
my $host  = '127.0.0.1:' . $s->port;
my ($email, $password) = ($user->{email}, $user->{password});

sub escaped { my $t = $_[0]; $t =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge; return $t }
sub login {
    my ($body, $path, %headers) = @_;
    return $s->req(POST => $path || '/auth/jwt/login', body => $body, headers => { 'Content-Type' => 'application/x-www-form-urlencoded', %headers });
}
sub key {
    open my $in, '<:raw', $s->home . '/secrets/jwt.key' or die "jwt.key: $!";
    chomp(my $key = <$in>);
    return $key;
}
sub signed {
    my $text = join '.', map { encode_base64url(encode_json($_)) } { alg => 'HS256', typ => 'JWT' }, { map { $_ => $_[0]{$_} =~ /\A(\d+)[.]\d+\z/ ? $1 + 0 : $_[0]{$_} } keys %{ $_[0] } };
    return "$text." . encode_base64url(hmac_sha256($text, key()));
}
sub claims { return decode_json(decode_base64url((split /\./, $_[0])[1])) }


# ---------------------------------------------------------------- forms

for my $path ('/auth/jwt/login', '/auth/login') {
    for my $name ('username', 'email') {
        my $r = login("$name=" . escaped($email) . '&password=' . escaped($password), $path);
        is $r->{status}, 200, "$path by a form with $name" or diag $r->{body};
        is $r->{json}{token_type}, 'bearer', 'gives a token to bear';
        is $s->req(GET => '/users/me', token => $r->{json}{access_token})->{json}{email}, $email, 'which works';
        is $r->{headers}{'set-cookie'}, undef, 'and no cookie that was not asked for';
    }
}
is login("grant_type=password&scope=&client_id=a&password=" . escaped($password) =~ s/%20/+/gr . "&username=" . escaped($email))->{status}, 200,
    'as OAuth 2 has it, blanks as plus';
is login("username=" . escaped($email) . '&password=' . escaped($password), undef, 'Content-Type' => 'application/x-www-form-urlencoded; charset=utf-8')
    ->{status}, 200, 'with a character set';
is $s->req(POST => '/auth/jwt/login', json => { email => $email, password => $password })->{status}, 200, 'JSON by the same path';
my %bad = (
    'nothing'               => [422, ''],
    'no password'           => [422, 'username=' . escaped($email)],
    'no name'               => [422, 'password=' . escaped($password)],
    'another name'          => [422, 'user=x&password=x'],
    'an escape that is none' => [422, 'username=%zz&password=x'],
    'an escape cut off'     => [422, 'username=a&password=%4'],
    'NUL'                   => [422, 'username=a%00b&password=x'],
    'bytes'                 => [422, 'username=%ff&password=x'],
    'two names'             => [422, 'username=a&username=b&password=x'],
    'a long name'           => [422, 'username=' . 'x' x 1000 . '&password=x'],
    'a long password'       => [422, 'username=a@b.example&password=' . 'x' x 1000],
    'JSON as a form'        => [422, '{"email":"a@b.example","password":"12345678"}'],
    'a wrong password'      => [401, 'username=' . escaped($email) . '&password=wrong+password'],
    'an account that is not' => [401, 'username=nobody%40example.test&password=' . escaped($password)],
);
is_problem login($bad{$_}[1]), $bad{$_}[0], "a form with $_" for sort keys %bad;
is_problem $s->req(POST => '/auth/jwt/login', body => 'username=a&password=b', headers => { 'Content-Type' => 'application/json' }), 400, 'a form as JSON';
unlike $s->log('nginx-error') . $s->log('nginx-access'), qr/horse|wrong.password/, 'no password is in a log';


# ---------------------------------------------------------------- the cookie

my $r = login('username=' . escaped($email) . '&password=' . escaped($password), '/auth/jwt/login?cookie=1');
my $set = $r->{headers}{'set-cookie'};
like $set, qr/\Arender_token=([\w.-]+); Path=\/; HttpOnly; Secure; SameSite=Lax; Max-Age=\d+\z/, 'a cookie that was asked for';
my ($value) = ($set || '') =~ /render_token=([^;]+)/;
my %cookie = (Cookie => "a=b; render_token=$value; c=d");
is $s->req(GET => '/users/me', headers => {%cookie})->{json}{email}, $email, 'signs in';
my $n = 0;
for my $path ('/auth/signup?cookie=1', '/auth/register?cookie=1') {
    my $r = $s->req(POST => $path, json => { email => 'cookie' . ++$n . '@example.test', password => $password });
    is $r->{status}, 201, $path;
    like $r->{headers}{'set-cookie'}, qr/\Arender_token=\S+;/, 'gives one, too';
}
$r = $s->req(POST => '/auth/login?cookie=1', json => { email => $email, password => $password },
    headers => { Origin => 'https://evil.example' });
is_problem $r, 403, 'a page of another site signs nobody in here';
is $r->{headers}{'set-cookie'}, undef, 'by no cookie';
my $sent  = sub { my ($method, $path, %opt) = @_; return $s->req($method => $path, %opt, headers => { %cookie, %{ $opt{headers} || {} } }) };
my $asset = $sent->(POST => '/videos/upload?filename=a.txt', body => 'text');
is $asset->{status}, 201, 'a cookie without Origin uploads';
my $path = "/videos/$asset->{json}{id}";
for my $origin ("http://$host", "https://$host") {
    is $sent->(PATCH => $path, json => { title => 'x' }, headers => { Origin => $origin })->{status}, 200, "and from a page of this host: $origin";
}
for my $origin ('https://evil.example', 'null', 'http://127.0.0.1', "http://$host.evil.example", "http://evil.example:" . $s->port, "http://$host/", '', 'x') {
    my %from = (headers => { Origin => $origin });
    is_problem $sent->(PATCH => $path, json => { title => 'evil' }, %from), 403, "PATCH from '$origin'", detail => qr/cookie/;
    is_problem $sent->(DELETE => $path, %from), 403, "DELETE from '$origin'";
    is_problem $sent->(POST => '/videos/upload', body => 'evil', %from), 403, "an upload from '$origin'";
    is $sent->(GET => $path, %from)->{status}, 200, "reading is no harm from '$origin'";
    is $s->req(PATCH => $path, token => $token, json => { title => 'x' }, headers => { Origin => $origin })->{status}, 200, "a token may come from '$origin'";
}
is_problem $sent->(POST => '/auth/ticket', headers => { Origin => 'https://evil.example' }), 403, 'nor is a ticket given';
is $sent->(GET => $path)->{json}{title}, 'x', 'nothing evil was done';
is $s->req(GET => '/users/me', token => 'x', headers => {%cookie})->{status}, 401, 'a wrong header is not mended by a cookie';

for my $with ({}, {%cookie}) {
    my $r = $s->req(POST => '/auth/logout', headers => $with);
    is $r->{status}, 204, 'signing out';
    is $r->{headers}{'set-cookie'}, 'render_token=; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=0', 'takes the cookie away';
}
is $s->req(GET => '/users/me', headers => { Cookie => 'render_token=' })->{status}, 401, 'an empty one signs nobody in';
is_problem $s->req(GET => '/auth/logout'), 405, 'a link signs nobody out';


# ---------------------------------------------------------------- tickets

my $job = $s->req(POST => '/compositions', token => $token, json => { timeline => { tracks => [{ clips => [{ asset => { type => 'color', color => '#123' },
    duration => 1 }] }] } })->{json}{job_id};
my $before = time;
$r = $s->req(POST => '/auth/ticket', token => $token);
is $r->{status}, 201, 'a ticket';
is $r->{json}{expires_in}, 30, 'for half a minute';
my $ticket = $r->{json}{ticket};
my $claims = claims($ticket);
is $claims->{exp} - $claims->{iat}, 30, 'as it says itself';
cmp_ok abs($claims->{iat} - $before), '<', 3, 'from now on';
is $claims->{sub}, $user->{account}{id}, 'of this account';
isnt claims($s->req(POST => '/auth/ticket', token => $token)->{json}{ticket})->{jti}, $claims->{jti}, 'the next is another';
is_problem $s->req(POST => '/auth/ticket'), 401, 'nobody gets one';
is $s->req(POST => '/auth/ticket', headers => {%cookie})->{status}, 201, 'who has a cookie does';

sub ws  { my $ws = $s->ws($_[0], headers => $_[1] || {}); my $status = $ws->status; $ws->close; return $status }
sub sse {
    my ($path, $head) = @_;
    my $text = $s->raw("GET $path HTTP/1.1\r\nHost: x\r\n" . ($head || '') . "Connection: close\r\n\r\n", until => qr/\n\n|\}\z/);
    return $text =~ m{\AHTTP/1\.1 (\d+)} ? $1 : 0;
}
is ws("/ws/progress/$job?ticket=$ticket"), 101, 'it opens a WebSocket';
is ws("/ws/progress/$job?ticket=$ticket"), 101, 'and again within its time';
is ws("/ws/progress?ticket=$ticket"), 101, 'that of all jobs';
is sse("/jobs/$job/events?ticket=$ticket"), 200, 'and events';
is ws("/ws/progress/$job?ticket=$ticket", { Origin => 'https://evil.example' }), 101, 'from anywhere: who has it was given it';
is ws("/ws/progress/$job?ticket=$ticket", { Cookie => 'render_token=x', Origin => 'https://evil.example' }), 101, 'a stale cookie beside it is no matter';

for my $at ("/jobs/$job", '/jobs', '/users/me', $path, "$path/stream", '/compositions', "/results/$job/final") {
    is_problem $s->req(GET => "$at?ticket=$ticket"), 401, "it reads nothing else: $at";
    is_problem $s->req(GET => $at, token => $ticket), 401, "nor as a bearer's token: $at";
}
is_problem $s->req(POST => "/compositions?ticket=$ticket", json => {}), 401, 'nor does it change anything';
is_problem $s->req(POST => '/auth/ticket', token => $ticket), 401, 'nor give another ticket';
is $s->req(GET => '/users/me', headers => { Cookie => "render_token=$ticket" })->{status}, 401, 'nor as a cookie';
is ws("/ws/progress/$job", { Authorization => "Bearer $ticket" }), 401, 'not even in the header of a WebSocket';

my ($head, $body, $mac) = split /\./, $ticket;
my $later   = encode_base64url(encode_json({ %$claims, exp => $claims->{exp} + 3600 }));
my $without = encode_base64url(encode_json({ map { $_ => $claims->{$_} } grep { $_ ne 'use' } keys %$claims }));
my $none    = encode_base64url('{"alg":"none","typ":"JWT"}');
my %wrong = (
    'a token'          => $token,
    'the cookie'       => $value,
    'a longer time'    => "$head.$later.$mac",
    'another use'      => "$head.$without.$mac",
    'no signature'     => "$head.$body.",
    'no algorithm'     => "$none.$body.",
    'another one'      => "$head.$body." . ($mac =~ s/\A(.)/$1 eq 'A' ? 'B' : 'A'/er),
    'half of it'       => substr($ticket, 0, 100),
    'a word'           => 'x',
    'a NUL'            => '%00',
    'very much'        => 'x' x 5000,
    'one whose time is over' => signed({ %$claims, iat => time - 31, exp => time - 1 }),
);
is ws('/ws/progress?ticket=' . signed($claims)), 101, 'one that was signed here';
for my $what (sort keys %wrong) {
    is ws("/ws/progress/$job?ticket=$wrong{$what}"), 401, "$what is no ticket";
    is ws("/ws/progress?ticket=$wrong{$what}"), 401, "$what is none for all jobs";
    is sse("/jobs/$job/events?ticket=$wrong{$what}"), 401, "$what is none for events";
}
is ws("/ws/progress/$job?ticket=x", {%cookie}), 401, 'a wrong ticket is not mended by a cookie';
is sse("/jobs/$job/events?ticket=", "Authorization: Bearer $token\r\n"), 200, 'an empty one is none';
my $others = $s->req(POST => '/auth/ticket', token => $s->signup->{token})->{json}{ticket};
is ws("/ws/progress/$job?ticket=$others"), 404, "another's ticket does not show mine";
unlike $s->log('nginx-access') . $s->log('nginx-error'), qr/\Q$mac\E/, 'no ticket is in a log';

$s->stop;
done_testing;
