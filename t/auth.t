# Who somebody is, and what that opens: tokens that were tampered with, locations of others,
# the cookie, and that accounts do not see each other.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(hmac_sha256 hmac_sha512);
use JSON::PP qw(decode_json encode_json);
use MIME::Base64 qw(encode_base64 encode_base64url);
use Test::More;

use Render::Test;
use Render::Test::Problem;
use Render::Test::Files;

# No worker: what is posted stays as it is.
my $s = Render::Test->start(worker => 0, http_conf => <<'CONF');
render_bcrypt_cost 5;
log_format who '$uri is for $render_user_id ($render_user_role)';
CONF

my $me    = $s->signup;
my $other = $s->signup;
my $id    = $me->{account}{id};
my $port  = $s->port;

my $key = slurp($s->home . '/secrets/jwt.key');
$key =~ s/\s+\z//;


# ---------------------------------------------------------------- tokens

sub part { return encode_base64url(ref $_[0] ? encode_json($_[0]) : $_[0]) }

# token(claims => {}, header => {}, key => ..., sign => sub): one of ours but for what is given;
# a claim or a member of undef is left out
sub token {
    my (%opt) = @_;
    my %claims = (iss => 'nginx-render', sub => $id, role => 'user', iat => int time, exp => int(time + 600),
        %{ $opt{claims} || {} });
    my %header = (alg => 'HS256', typ => 'JWT', %{ ref $opt{header} ? $opt{header} : {} });
    for my $h (\%claims, \%header) { defined $h->{$_} or delete $h->{$_} for keys %$h }
    my $text = part(defined $opt{header} && !ref $opt{header} ? $opt{header} : \%header) . '.'
        . part(defined $opt{payload} ? $opt{payload} : \%claims);
    my $sign = $opt{sign} || \&hmac_sha256;
    return "$text." . encode_base64url($sign->($text, defined $opt{key} ? $opt{key} : $key));
}

sub whoami { return $s->req(GET => '/users/me', headers => { Authorization => $_[0] }) }

my $good = token();
is whoami("Bearer $good")->{status}, 200, 'a token made as they are made';
is whoami("bearer $good")->{json}{id}, $id, 'the scheme is not case-sensitive';
is whoami("BEARER   $good")->{json}{id}, $id, 'nor are blanks counted';
is whoami('Bearer ' . token(header => { typ => undef }))->{status}, 200, 'typ may be left out';
is whoami('Bearer ' . token(header => { typ => 'jwt', kid => '1' }))->{status}, 200, 'a key id does no harm';
is whoami('Bearer ' . token(claims => { nbf => int time + 10, iat => int time + 10 }))->{status}, 200, 'clocks may differ a little';
is whoami('Bearer ' . token(claims => { exp => int time - 10 }))->{status}, 200, 'at the end, too';
is whoami('Bearer ' . token(claims => { more => [1] }))->{status}, 200, 'other claims are none of ours';
is whoami('Bearer ' . token(claims => { aud => $_ }))->{status}, 200, 'an audience that we are of'
    for 'nginx-render', ['x', 'nginx-render'];

my ($h, $p, $sig) = split /\./, $good;

# One that was verified is known again by all of its bytes, and not for longer than it is valid.
is whoami("Bearer $good")->{json}{id}, $id, 'it is taken each time' for 1 .. 4;
(my $altered = $p) =~ s/(.)\z/$1 eq 'Q' ? 'g' : 'Q'/e;
for ("$h.$altered.$sig", "$h.${p}A.$sig", "$h.$p." . substr($sig, 1) . substr($sig, 0, 1), substr($good, 1)) {
    is whoami("Bearer $_")->{status}, 401, 'but not one that is nearly it';
}
my $ending = token(claims => { exp => int time - 26 });
is whoami("Bearer $ending")->{status}, 200, 'one that is about to end' for 1 .. 4;
ok wait_until(sub { whoami("Bearer $ending")->{status} == 401 }, 8), 'ends, though it is known';
my $changed = part({ iss => 'nginx-render', sub => $other->{account}{id}, role => 'admin', exp => int time + 600 });
my $flipped = $sig;
substr($flipped, 5, 1) =~ tr/A-Za-z0-9_-/B-ZAb-za1-90\-_/;
my %forged = (
    'alg none, unsigned'            => part({ alg => 'none', typ => 'JWT' }) . ".$p.",
    'alg none, without a dot'       => part({ alg => 'none', typ => 'JWT' }) . ".$p",
    'alg None'                      => part({ alg => 'None', typ => 'JWT' }) . ".$p.",
    'alg none, signed'              => token(header => { alg => 'none' }),
    'alg of HS512, signed so'       => token(header => { alg => 'HS512' }, sign => \&hmac_sha512),
    'alg of HS512, signed as ours'  => token(header => { alg => 'HS512' }),
    'alg of HS256, signed by HS512' => token(sign => \&hmac_sha512),
    'alg in small letters'          => token(header => { alg => 'hs256' }),
    'alg RS256'                     => token(header => { alg => 'RS256' }),
    'no alg'                        => token(header => { alg => undef }),
    'alg of a number'               => token(header => { alg => 256 }),
    'alg twice'                     => token(header => '{"alg":"HS256","alg":"none","typ":"JWT"}'),
    'another key'                   => token(key => 'x' x 64),
    'no key'                        => token(key => ''),
    'the key and a line feed'       => token(key => "$key\n"),
    'no signature'                  => "$h.$p.",
    'two parts'                     => "$h.$p",
    'one part'                      => $h,
    'four parts'                    => "$good.$sig",
    'five parts, as encrypted'      => "$h.$p.$sig.$p.$sig",
    'a signature cut'               => substr($good, 0, -4),
    'a signature changed'           => "$h.$p.$flipped",
    'other claims'                  => "$h.$changed.$sig",
    'a token cut in the middle'     => substr($good, 0, length($good) / 2),
    'only dots'                     => '..',
    'crit'                          => token(header => { crit => ['exp'] }),
    'crit of something unknown'     => token(header => { crit => ['x'], x => 1 }),
    'another typ'                   => token(header => { typ => 'JWE' }),
    'a header that is no JSON'      => token(header => 'HS256'),
    'an array for a header'         => token(header => '["HS256"]'),
    'claims that are no JSON'       => token(payload => 'me'),
    'an array for claims'           => token(payload => '[]'),
    'expired'                       => token(claims => { exp => int time - 31 }),
    'expired long ago'              => token(claims => { exp => 1 }),
    'exp 0'                         => token(claims => { exp => 0 }),
    'exp below 0'                   => token(claims => { exp => -1 }),
    'no exp'                        => token(claims => { exp => undef }),
    'exp as a string'               => token(claims => { exp => 'never' }),
    'not yet'                       => token(claims => { nbf => int time + 120 }),
    'made in future'                => token(claims => { iat => int time + 120 }),
    'another issuer'                => token(claims => { iss => 'nginx' }),
    'another case'                  => token(claims => { iss => 'Nginx-Render' }),
    'no issuer'                     => token(claims => { iss => undef }),
    'issuers'                       => token(claims => { iss => ['nginx-render'] }),
    'another audience'              => token(claims => { aud => 'x' }),
    'other audiences'               => token(claims => { aud => ['x', ['nginx-render']] }),
    'nbf as a string'               => token(claims => { nbf => 'now' }),
    'bits behind its end'           => $good =~ s/(.)\z/$1 =~ tr{A-Za-z0-9_-}{B-ZAb-za1-90\-_}r/er,
    'no subject'                    => token(claims => { sub => undef }),
    'a subject that is no id'       => token(claims => { sub => "$id' OR true" }),
    'a subject that is null'        => token(payload => '{"iss":"nginx-render","sub":null,"role":"user","exp":9999999999}'),
    'no role'                       => token(claims => { role => undef }),
    'a role of 33 letters'          => token(claims => { role => 'x' x 33 }),
    'more than 4096 bytes'          => token(claims => { more => 'x' x 4096 }),
    'the other alphabet'            => join('.', map { my $x = $_; $x =~ tr{_-}{/+}; "$x=" } $h, $p, $sig),
    'a line'                        => $h . "%0a.$p.$sig",
);
for my $what (sort keys %forged) {
    my $r = whoami("Bearer $forged{$what}");
    is_problem $r, 401, "a token with $what";
    is $r->{headers}{'www-authenticate'}, 'Bearer error="invalid_token"', "a token with $what: how it is said";
}
for my $value ('X', 'Bearer', 'Bearer ', 'Token ' . $good, "Basic " . encode_base64("$me->{email}:$me->{password}", ''), $good, "Bearer,$good",
    "Bearer$good", 'Bearer null', 'Bearer undefined', qq{Bearer "$good"}, "Bearer $good, Bearer $good", "Bearer $good x")
{
    is_problem whoami($value), 401, 'Authorization: ' . substr $value, 0, 20;
}
my $r = $s->req(GET => '/users/me');
is_problem $r, 401, 'no token';
is $r->{headers}{'www-authenticate'}, 'Bearer', 'asks for one';
is_problem $s->req(GET => "/users/me?$_=$good"), 401, "a token in the query, as $_" for qw(token access_token ticket);
like $s->raw("GET /users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " . 'x' x 65_536 . "\r\n\r\n"), qr{\AHTTP/1\.1 400 },
    'a token of 64 KB';
is_problem whoami('Bearer ' . 'x' x 7000), 401, 'one of 7 KB';
is_problem whoami('Bearer ' . $good . '.' x 3000), 401, 'thousands of dots';

my $nobody = token(claims => { sub => '00000000-0000-4000-8000-000000000000' });
is_problem $s->req(GET => '/users/me', token => $nobody), 401, 'an account that is gone';
is_problem $s->req(POST => '/videos/upload', token => $nobody, body => 'x'), 401, 'stores nothing';
is_problem $s->req(POST => '/compositions', token => $nobody, json => color()), 401, 'and renders nothing';
$s->psql("UPDATE render.account SET active = false WHERE id = '$other->{account}{id}'");
is_problem $s->req(POST => '/auth/login', json => { map { $_ => $other->{$_} } qw(email password) }), 401, 'a closed account signs in no more';
$s->psql("UPDATE render.account SET active = true WHERE id = '$other->{account}{id}'");


# ---------------------------------------------------------------- locations of others

my $www = $s->home . '/www';
mkdir $www or die "mkdir: $!";
spew("$www/index.html", 'home');
spew("$www/a.txt", 'a secret');
$s->conf(extra => <<"CONF");
location /private/ {
    render_auth user;
    alias $www/;
    add_header X-User \$render_user_id always;
    access_log $www/who.log who;
    location /private/open/ { render_auth off; alias $www/; }
    location /private/admin/ { render_auth admin; alias $www/; }
}
location /open/ {
    alias $www/;
    add_header X-User \$render_user_id always;
    access_log $www/who.log who;
}
location /proxied/ {
    render_auth user;
    proxy_set_header X-User \$render_user_id;
    proxy_set_header X-Role \$render_user_role;
    proxy_pass http://127.0.0.1:$port/echo/;
}
location /echo/ { default_type text/plain; return 200 "user=\$http_x_user role=\$http_x_role path=\$uri"; }
CONF
spew("$www/who.log", '');
chmod 0666, "$www/who.log";
$s->reload;
my $token = $me->{token};

$r = wait_until(sub {
    my $a = $s->req(GET => '/private/a.txt');
    $a->{status} != 404 && $a;
}, 10, 'the new configuration');
is $r->{status}, 401, 'a file behind render_auth, asked for by nobody';
is $r->{headers}{'www-authenticate'}, 'Bearer', 'asks who it is';
unlike $r->{body}, qr/secret/, 'and tells nothing';
$r = $s->req(GET => '/private/a.txt', token => $forged{expired});
is $r->{status}, 401, 'with an expired token';
is $r->{headers}{'www-authenticate'}, 'Bearer error="invalid_token"', 'it is said why';
$r = $s->req(GET => '/private/a.txt', token => $token);
is $r->{body}, 'a secret', 'with a good one it is there';
is $r->{headers}{'x-user'}, $id, 'and $render_user_id says whose';
is $s->req(GET => '/private/', token => $token)->{body}, 'home', 'an internal redirect forgets nobody';
is $s->req(GET => '/private/')->{status}, 401, 'nor lets anybody in';
is $s->req(GET => '/private/none', token => $token)->{headers}{'x-user'}, $id, 'with an error, too';
is $s->req(GET => '/private/open/a.txt')->{body}, 'a secret', 'render_auth off opens a location within';
is $s->req(GET => '/private/admin/a.txt')->{status}, 401, 'render_auth admin: nobody';
is $s->req(GET => '/private/admin/a.txt', token => $token)->{status}, 403, 'render_auth admin: a user';
is $s->req(GET => '/private/admin/a.txt', token => token(claims => { role => 'adminx' }))->{status}, 403, 'render_auth admin: nearly';
is $s->req(GET => '/private/admin/a.txt', token => token(claims => { role => 'admin' }, key => 'x' x 64))->{status}, 401,
    'render_auth admin: by his own word';

$r = $s->req(GET => '/open/a.txt');
is $r->{body}, 'a secret', 'without render_auth everybody may';
is $r->{headers}{'x-user'}, undef, 'nobody has no id';
is $s->req(GET => '/open/a.txt', token => $token)->{headers}{'x-user'}, $id, 'who has one is known all the same';
is $s->req(GET => '/open/a.txt', token => $forged{'another key'})->{headers}{'x-user'}, undef, 'who forged one is not';
is $s->req(GET => '/proxied/x', token => $token)->{body}, "user=$id role=user path=/echo/x", 'what is behind is told who asks';
is $s->req(GET => '/proxied/x', token => $token, headers => { 'X-User' => 'root' })->{body}, "user=$id role=user path=/echo/x",
    'whatever he says himself';
my $log = wait_until(sub { my $l = slurp("$www/who.log"); $l =~ /open/ && $l }, 5, 'the log');
like $log, qr{^/private/a\.txt is for - \(-\)$}m, 'the log knows nobody';
like $log, qr{^/private/a\.txt is for $id \(user\)$}m, 'and somebody';

$s->psql("UPDATE render.account SET role = 'admin' WHERE id = '$other->{account}{id}'");
$r = $s->req(POST => '/auth/login', json => { map { $_ => $other->{$_} } qw(email password) });
is $s->req(GET => '/private/admin/a.txt', token => $r->{json}{access_token})->{body}, 'a secret', 'render_auth admin: an admin';
is $s->req(GET => '/private/admin/a.txt', token => $other->{token})->{status}, 403, 'but not by a token from before';
$s->psql("UPDATE render.account SET role = 'user' WHERE id = '$other->{account}{id}'");


# ---------------------------------------------------------------- what is mine

$r = $s->req(POST => '/compositions', token => $token, json => color());
is $r->{status}, 202, 'a composition of mine';
my ($composition, $job) = @{ $r->{json} }{qw(composition_id job_id)};
my $asset = $s->upload($token, make_media('auth.wav', qw(-f lavfi -i sine=frequency=220:duration=1)));
my $his   = $s->req(POST => '/compositions', token => $other->{token}, json => color())->{json};

my @paths = ("/jobs/$job", "/status/$job", "/results/$job/final", "/compositions/$composition", "/compositions/$composition/download",
    "/videos/$asset->{id}", "/jobs/$asset->{job_id}");
for my $path (@paths) {
    my $mine = $s->req(GET => $path, token => $token);
    ok $mine->{status} == 200 || $mine->{status} == 409, "GET $path: is mine";
    my $no = $s->req(GET => $path, token => $other->{token});
    is_problem $no, 404, "GET $path: is not there for another";
    (my $none = $path) =~ s/[0-9a-f-]{36}/00000000-0000-4000-8000-000000000000/;
    is $no->{json}{detail}, $s->req(GET => $none, token => $other->{token})->{json}{detail}, "GET $path: as if it never was";
    is_problem $s->req(GET => "$path?id=$his->{job_id}&share=&share=null", token => $other->{token}), 404, "GET $path: nor by the query";
    is_problem $s->req(GET => $path), 401, "GET $path: nobody";
}
for my $do (qw(cancel retry)) {
    is_problem $s->req(POST => "/jobs/$job/$do", token => $other->{token}), 404, "another cannot $do my job";
    is_problem $s->req(POST => "/jobs/$job/$do?id=$his->{job_id}", token => $other->{token}), 404, "by no query";
    is_problem $s->req(POST => "/jobs/$job/$do"), 401, "nobody can $do it";
}
is $s->req(GET => "/jobs/$job", token => $token)->{json}{status}, 'queued', 'it is as it was';
is $s->req(GET => "/jobs/$his->{job_id}", token => $other->{token})->{json}{status}, 'queued', 'so is his';
is_deeply [map { $_->{id} } @{ $s->req(GET => '/jobs', token => $other->{token})->{json}{items} }], [$his->{job_id}], 'his list of jobs';
is_deeply [map { $_->{id} } @{ $s->req(GET => '/compositions', token => $other->{token})->{json}{items} }], [$his->{composition_id}],
    'of compositions';
is_deeply $s->req(GET => '/videos', token => $other->{token})->{json}{items}, [], 'and of videos';
is_problem $s->req(POST => '/compositions', token => $other->{token}, json => { timeline => { tracks => [{ kind => 'audio',
    clips => [{ asset => { type => 'audio', src => $asset->{src} } }] }] } }), 422, 'my sound is none for his film',
    pointer => '/timeline/tracks/0/clips/0/asset/src', detail => qr/\Adoes not exist\z/;

for my $path ("/ws/progress/$job", "/ws/progress/$job?id=$his->{job_id}", "/ws/progress/\U$job", "/ws/progress/$asset->{job_id}") {
    is $s->ws($path, token => $other->{token})->status, 404, "another does not watch $path";
    is $s->ws($path)->status, 401, 'nor does nobody';
}
is $s->ws("/ws/progress/$job?ids=[\"$his->{job_id}\"]", token => $other->{token})->status > 400, 1, 'nor many at once';

$s->psql("UPDATE render.composition SET visibility = 'link', share_token = 'sesame' WHERE id = '$composition'");
for my $path (@paths[0, 2, 3, 4]) {
    isnt $s->req(GET => "$path?share=sesame", token => $other->{token})->{status}, 404, "GET $path: shared by its link";
    is_problem $s->req(GET => "$path?share=$_", token => $other->{token}), 404, "GET $path: not by '$_'" for '', 'Sesame', 'sesame%00', 'null';
    is_problem $s->req(GET => $path, token => $other->{token}), 404, "GET $path: nor without it";
}
is $s->ws("/ws/progress/$job?share=sesame", token => $other->{token})->status, 101, 'its progress, too';
is $s->ws("/ws/progress/$job", token => $other->{token})->status, 404, 'and that not without it';
is_problem $s->req(POST => "/jobs/$job/cancel?share=sesame", token => $other->{token}), 404, 'who may see may not do';
$s->psql("UPDATE render.composition SET visibility = 'public' WHERE id = '$composition'");
isnt $s->req(GET => $_, token => $other->{token})->{status}, 404, "GET $_: public" for @paths[0, 2, 3, 4];
is_problem $s->req(POST => "/jobs/$job/cancel", token => $other->{token}), 404, 'public is not everybody\'s';
$s->psql("UPDATE render.composition SET visibility = 'private' WHERE id = '$composition'");


# ---------------------------------------------------------------- the cookie

my %sign_in = map { $_ => $me->{$_} } qw(email password);
is $s->req(POST => '/auth/login', json => \%sign_in)->{headers}{'set-cookie'}, undef, 'no cookie unless asked for';
is $s->req(POST => '/auth/login?cookie=1', json => { %sign_in, password => 'wrong' })->{headers}{'set-cookie'}, undef, 'nor when refused';
$r = $s->req(POST => '/auth/login?cookie=1', json => \%sign_in);
my ($cookie, @attributes) = split /; /, $r->{headers}{'set-cookie'};
is_deeply [sort @attributes], ['HttpOnly', 'Max-Age=86400', 'Path=/', 'SameSite=Lax', 'Secure'], 'a cookie, well guarded';
is $cookie, "render_token=$r->{json}{access_token}", 'which is the token';
my $form = 'username=' . ($me->{email} =~ s/@/%40/r) . '&password=' . ($me->{password} =~ s/ /+/gr);
for ([$s->url, 200], ['http://evil.test', 403], ['null', 403]) {
    my ($from, $status) = @$_;
    my $got = $s->req(POST => '/auth/login?cookie=1', body => $form,
        headers => { Origin => $from, 'Content-Type' => 'application/x-www-form-urlencoded' });
    is $got->{status}, $status, "a form of $from that asks for it";
    is defined $got->{headers}{'set-cookie'}, $status == 200, 'is given one, or none';
}
is $s->req(GET => '/users/me', headers => { Cookie => $cookie })->{json}{id}, $id, 'it is as good as the header';
is $s->req(GET => '/users/me', headers => { Cookie => "a=b; $cookie; c=d" })->{json}{id}, $id, 'among others, too';
is $s->req(GET => '/private/a.txt', headers => { Cookie => $cookie })->{body}, 'a secret', 'and in locations of others';
is_problem $s->req(GET => '/users/me', headers => { Cookie => "render_token=$forged{'another key'}" }), 401, 'a forged one';
is_problem $s->req(GET => '/users/me', headers => { Cookie => "x$cookie" }), 401, 'one of another name';
is_problem $s->req(GET => '/users/me', headers => { Cookie => $cookie, Authorization => 'Bearer x' }), 401, 'the header goes first';

my $here = "http://127.0.0.1:$port";
my %origin = ($here => 101, "https://127.0.0.1:$port" => 101, 'http://evil.test' => 403, "http://127.0.0.1:$port.evil.test" => 403,
    "http://evil.test/$here" => 403, 'http://127.0.0.1' => 403, "http://127.0.0.1:${port}0" => 403, "http://x127.0.0.1:$port" => 403,
    'null' => 403, "127.0.0.1:$port" => 403, "http://a\@127.0.0.1:$port" => 403, '' => 403);
for my $origin (sort keys %origin) {
    my $ws = $s->ws("/ws/progress/$job", headers => { Cookie => $cookie, Origin => $origin });
    is $ws->status, $origin{$origin}, "a WebSocket by cookie from the origin '$origin'";
    is decode_json($ws->next_message->{payload})->{job_id}, $job, 'which is told the state' if $ws->status == 101;
    $ws->close;
}
is $s->ws("/ws/progress/$job", headers => { Cookie => $cookie })->status, 403, 'from no page at all';
my $ws = $s->ws("/ws/progress/\U$job", token => $token, headers => { Origin => 'http://evil.test', 'X-Request-Id' => 'mine' });
is $ws->status, 101, 'by the header, which no browser sends by itself, from anywhere';
is $ws->headers->{'x-request-id'}, 'mine', 'the id of the request is told';
is decode_json($ws->next_message->{payload})->{type}, 'snapshot', 'the state comes first';

is $s->req(POST => "/jobs/$job/cancel", token => $token)->{json}{status}, 'cancelled', 'my own job I can cancel';
my $last;
while (my $m = $ws->next_message) {
    last if $m->{opcode} == Render::Test::WS::CLOSE and $last->{code} = $m->{code};
    $last = decode_json($m->{payload});
}
is $last->{status}, 'cancelled', 'who watches is told so, though the id was written in capitals';
is $last->{code}, 1000, 'and that this is the end';
$ws->close;

$s->stop;
done_testing;


sub color {
    return { timeline => { tracks => [{ clips => [{ asset => { type => 'color', color => '#abc' }, duration => 1 }] }] } };
}
