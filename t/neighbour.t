# The module beside what else an operator sets up in the same server: limits, other ways to let in,
# error pages, internal redirects, variables. What the others do must go on as if we were not there.

use strict;
use warnings;

use lib 't/lib';

use File::Temp qw(tempdir);
use HTTP::Tiny;
use JSON::PP qw(encode_json decode_json);
use Test::More;

use Render::Test;
use Render::Test::Faults qw(active_connections children nginx_descriptors);
use Render::Test::Problem;
use Render::Test::Files;

my $pages = tempdir('render-pages-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $pages or die "chmod $pages: $!";
spew("$pages/page.txt", "words\n" x 100);
spew("$pages/sorry.html", "sorry\n");
spew("$pages/users", "me:{PLAIN}secret\n");

my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => <<"HTTP", extra_conf => <<"CONF", env => { RENDER_ERROR_LOG => 'info' });
render_bcrypt_cost 5;
render_auth user;
render_prefix /everywhere;
limit_req_zone  \$render_user_id zone=mine:1m rate=1r/m;
limit_conn_zone \$render_user_id zone=open:1m;
proxy_cache_path "$pages/cache" keys_zone=cache:1m;
map \$render_user_role \$is { default nobody; user somebody; admin boss; }
server {
    listen unix:$pages/proxied.sock proxy_protocol;
    render_auth off;
    render_prefix /;
    set_real_ip_from unix:;
    real_ip_header proxy_protocol;
    add_header X-Addr \$remote_addr always;
    location / { render_api all; }
    location /metrics { deny 192.0.2.7; render_api metrics; }
}
HTTP
render_auth off;
render_prefix /;
root $pages;

# ---- what a location inherits
location /in/      { render_auth user; alias $pages/;
    location /in/off/   { render_auth off; alias $pages/; }
    location /in/admin/ { render_auth admin; alias $pages/; }
    location /in/same/  { alias $pages/; }
}
location /pre/     { render_prefix /pre; render_api all;
    location /pre/same/ { render_api all; }
    location /pre/own/  { render_prefix /pre/own; render_api all; }
}

# ---- limits
location /often/   { render_prefix /often; render_api all; limit_req zone=mine burst=1 nodelay; limit_req_status 429; }
location /open/    { render_prefix /open; render_api all; limit_conn open 2; limit_conn_status 429; }
location = /stub   { stub_status; }

# ---- who may
location /any/     { satisfy any; auth_basic closed; auth_basic_user_file $pages/users; render_auth user; alias $pages/; }
location /all/     { satisfy all; allow 127.0.0.1; deny all; render_auth user; alias $pages/; }
location /denied/  { satisfy any; deny all; render_auth user; alias $pages/; }
location /closed/  { satisfy all; deny all; render_auth user; alias $pages/; }
location /anyapi/  { satisfy any; deny all; auth_basic closed; auth_basic_user_file $pages/users; render_prefix /anyapi; render_api users; }
location /asked/   { auth_request /_ours; auth_request_set \$who \$upstream_http_x_request_id; alias $pages/; }
location = /_ours  { internal; rewrite ^ /users/me break; render_api users; }
location /yes/     { auth_request /_yes; render_prefix /yes; render_api all; }
location /no/      { auth_request /_no; render_prefix /no; render_api all; }
location = /_yes   { internal; return 204; }
location = /_no    { internal; return 403; }

# ---- errors
location = /page.txt   { }
location = /sorry.html { }
location /small/   { client_max_body_size 100; error_page 413 /sorry.html; render_prefix /small; render_api all; }
location /named/   { render_auth user; error_page 401 = \@named; alias $pages/; }
location \@named    { add_header X-Named yes; return 200 "sign in here\\n"; }
location /silent/  { render_auth user; error_page 401 = \@silent; alias $pages/; }
location \@silent   { return 444; }
location /ours/    { error_page 404 = /health; alias $pages/; }
location /posted/  { client_max_body_size 100; error_page 413 = /health; alias $pages/; render_prefix /posted; render_api all; }
location /static/  { error_page 404 /sorry.html; error_page 401 /sorry.html; render_prefix /static; render_api all; }
location /other/   { error_page 404 /sorry.html; render_prefix /elsewhere; render_api all; }

# ---- redirects within
location /try/     { try_files /nowhere /page.txt; }
location /tryours/ { try_files /nowhere /users/me; }
location /old/     { rewrite ^/old(/.*)\$ \$1 last; }
location /broke/   { rewrite ^/broke(/.*)\$ \$1 break; render_api all; }
location /after/   { try_files /nowhere \@after; }
location \@after    { rewrite ^ /users/me break; render_api users; }

# ---- variables
location /if/      { if (\$render_user_role != user) { return 403 "not you\\n"; } return 200 "\$render_user_id \$is\\n"; }
location /set/     { set \$me \$render_user_id; add_header X-Me \$me; add_header X-Is \$is; alias $pages/; }
location /var/     { error_page 404 = \@var; alias $pages/; }
location \@var      { return 200 "\$render_user_id|\$render_user_role|\$is\\n"; }

# ---- the rest
location /post_action/ { alias $pages/; post_action /users/me; }
location /cached/  { proxy_cache cache; proxy_cache_valid any 1m; rewrite ^/cached(/.*)\$ \$1 break; proxy_pass http://127.0.0.1:\$server_port; add_header X-Cache \$upstream_cache_status always; }
CONF

my $user  = $s->signup;
my $token = $user->{token};
my $me    = $user->{account}{id};
my $boss  = $s->signup;
$s->psql("UPDATE render.account SET role = 'admin' WHERE id = '$boss->{account}{id}'");
$boss = $s->req(POST => '/auth/login', json => { email => $boss->{email}, password => $boss->{password} })->{json}{access_token};
my $words = "words\n" x 100;
my $basic = { Authorization => 'Basic bWU6c2VjcmV0' };      # me:secret

# As $s->req, but what is answered here is not always ours, and so none of the contract's.
sub ask {
    my ($method, $path, %opt) = @_;
    my %headers = %{ $opt{headers} || {} };
    $headers{Authorization} = "Bearer $opt{token}" if defined $opt{token};
    my $http = HTTP::Tiny->new(max_redirect => 0, timeout => 30, keep_alive => 0, proxy => undef, http_proxy => undef);
    my $r = $http->request($method, $s->url . $path,
        { headers => \%headers, defined $opt{body} ? (content => $opt{body}) : defined $opt{json} ? (content => encode_json($opt{json})) : () });
    return { status => $r->{status}, headers => $r->{headers} || {}, body => $r->{content},
        json => ($r->{headers}{'content-type'} || '') =~ m{\Aapplication/(?:problem\+)?json\z} ? decode_json($r->{content}) : undef };
}

sub get    { return ask(GET => @_) }
sub open_ws { return Render::Test::WS->connect('127.0.0.1', $s->port, '/open/ws/progress', { Authorization => "Bearer $token" }) }
sub status { return get(@_)->{status} }

sub active { return active_connections($s, '/stub') }

# All that is opened once and kept has been: a lane each to PostgreSQL, and Redis.
is status($_, token => $token), 200, "$_: a server without what the http block has" for qw(/health /users/me /videos);
open_ws()->close;
wait_until(sub { active() == 0 }, 10, 'no connection');
my $before = nginx_descriptors($s);


# ---------------------------------------------------------------- inheritance

is status('/page.txt'), 200, 'render_auth off in the server: that of the http block is lifted';
is status('/everywhere/health'), 404, 'render_prefix / in the server, too';
is status('/in/page.txt'), 401, 'render_auth user in a location';
is status('/in/page.txt', token => $token), 200, 'lets in who is';
is status('/in/same/page.txt'), 401, 'a location within inherits';
is status('/in/off/page.txt'), 200, 'one with off does not';
is status('/in/admin/page.txt', token => $token), 403, 'one with admin lets no user in';
is status('/in/admin/page.txt', token => $boss), 200, 'but an administrator';
is status('/pre/users/me', token => $token), 200, 'render_prefix of a location';
is status('/pre/same/users/me', token => $token), 404, 'a location within inherits it: this is no route';
is status('/pre/own/users/me', token => $token), 200, 'or has its own';


# ---------------------------------------------------------------- limits

is_deeply [map { status('/often/users/me', token => $token) } 1 .. 4], [200, 200, 429, 429], 'limit_req by $render_user_id';
is status('/often/users/me', token => $boss), 200, 'somebody else has a limit of his own';
is status('/often/users/me'), 401, 'nobody has none: an empty key is not counted';

my @ws = map { open_ws() } 1 .. 2;
is join(' ', map { $_->status } @ws), '101 101', 'as many WebSockets as limit_conn allows';
is status('/open/users/me', token => $token), 429, 'which counts them while they are open';
is open_ws()->status, 429, 'so that there is no further one';
is status('/open/users/me', token => $boss), 200, 'except for somebody else';
is active(), 2, 'nginx counts them, too';
$ws[0]->close;
ok eval { wait_until(sub { status('/open/users/me', token => $token) == 200 }, 10) }, 'one is closed: there is room for another';
close $ws[1]->socket;
ok eval { wait_until(sub { active() == 0 }, 10) }, 'one is lost: none is left';
@ws = map { open_ws() } 1 .. 2;
is join(' ', map { $_->status } @ws), '101 101', 'and there is room for as many again';
$_->close for @ws;


# ---------------------------------------------------------------- who may

is status('/any/page.txt'), 401, 'satisfy any: neither a token nor a password';
is status('/any/page.txt', token => $token), 200, 'a token';
is status('/any/page.txt', headers => $basic), 200, 'a password';
is status('/any/page.txt', headers => { Authorization => 'Basic bWU6d3Jvbmc=' }), 401, 'a wrong one';
is status('/all/page.txt'), 401, 'satisfy all: the address, but no token';
is status('/all/page.txt', token => $token), 200, 'both';
is status('/denied/page.txt', token => $token), 200, 'satisfy any: a token where the address is denied';
is status('/denied/page.txt'), 401, 'and none';
is status('/closed/page.txt', token => $token), 403, 'satisfy all: the address is denied, whoever it is';
is_problem get('/anyapi/users/me', headers => $basic), 401, 'a password of nginx opens no route that needs a token', detail => qr/Bearer/;

is status('/asked/page.txt'), 401, 'auth_request: ours says no';
is get('/asked/page.txt', token => $token)->{body}, $words, 'ours says yes';
is status('/asked/page.txt', token => "$token."), 401, 'ours says no to a bad token';
is status('/asked/page.txt', headers => { Cookie => "render_token=$token" }), 200, 'a cookie does';
is status('/yes/users/me', token => $token), 200, 'auth_request: theirs says yes';
is status('/no/users/me', token => $token), 403, 'theirs says no';
my $film = 'bytes of a film ' x 20_000;
my $r = ask(POST => '/yes/videos/upload?filename=a.bin', token => $token, body => $film);
is $r->{status}, 201, 'yes, with an upload';
is $r->{json}{bytes}, length $film, 'of all its bytes';
is ask(POST => '/no/videos/upload?filename=a.bin', token => $token, body => $film)->{status}, 403, 'no, with an upload';


# ---------------------------------------------------------------- errors

$r = ask(POST => '/small/auth/login', json => { email => 'x' x 200 });
is "$r->{status} $r->{body}", "413 sorry\n", "a body that nginx refuses: the operator's page";
is_problem ask(POST => '/small/auth/login', json => { a => 1 }), 422, 'one that nginx does not';
$r = get('/named/page.txt');
is "$r->{status} $r->{body}", "200 sign in here\n", '401 of render_auth to a named location';
is $r->{headers}{'x-named'}, 'yes', 'with its headers';
is get('/named/page.txt', token => $token)->{body}, $words, 'not for who is signed in';
is $s->raw("GET /silent/page.txt HTTP/1.1\r\nHost: x\r\n\r\n"), '', 'or to one with "return 444"';
$r = get('/ours/nothing');
is "$r->{status} $r->{json}{status}", '200 ok', '404 of theirs to a route of ours';
$r = ask(POST => '/posted/auth/login', json => { email => 'x' x 2000 });
is "$r->{status} $r->{json}{status}", '200 ok', '413 to a route of ours: the body that nobody reads is read away';
is_problem get('/static/nowhere'), 404, 'what a route answers is its own: error_page is for what nginx answers';
is_problem get('/static/users/me'), 401, 'a 401, too';
$r = get('/other/health');
is "$r->{status} $r->{body}", "404 sorry\n", 'outside of the prefix nginx answers';


# ---------------------------------------------------------------- redirects within

is get('/try/x')->{body}, $words, 'try_files to a file';
is get('/tryours/x', token => $token)->{json}{id}, $me, 'to a route';
is_problem get('/tryours/x'), 401, 'which asks for a token';
is get('/old/users/me', token => $token)->{json}{id}, $me, 'rewrite ... last';
is get('/broke/users/me', token => $token)->{json}{id}, $me, 'rewrite ... break';
$r = ask(POST => '/old/videos/upload?filename=a.bin', token => $token, body => $film);
is "$r->{status} $r->{json}{bytes}", '201 ' . length $film, 'with an upload';
is get('/after/x', token => $token)->{json}{id}, $me, 'try_files to a named location of ours';


# ---------------------------------------------------------------- variables

is get('/if/', token => $token)->{body}, "$me somebody\n", 'in "if", "return" and "map"';
is get('/if/')->{status}, 403, 'empty for nobody';
is get('/if/', token => $boss)->{status}, 403, 'and another for somebody else';
$r = get('/set/page.txt', token => $boss);
is $r->{headers}{'x-is'}, 'boss', 'in headers';
isnt $r->{headers}{'x-me'}, $me, 'after "set"';
is get('/var/nothing', token => $token)->{body}, "$me|user|somebody\n", 'after an internal redirect';
is get('/var/nothing')->{body}, "||nobody\n", 'where there is nobody, too';
is get('/var/nothing', token => "x$token")->{body}, "||nobody\n", 'nor with a bad token';


# ---------------------------------------------------------------- addresses

sub proxied {
    my ($path) = @_;
    require IO::Socket::UNIX;
    my $socket = IO::Socket::UNIX->new(Peer => "$pages/proxied.sock") or die "connect: $!";
    print {$socket} "PROXY TCP4 192.0.2.7 192.0.2.1 1234 80\r\nGET $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    local $/;
    return scalar <$socket>;
}

like proxied('/health'), qr{\AHTTP/1\.1 200 .*^X-Addr: 192\.0\.2\.7\r$}ms, 'proxy_protocol, and real_ip from it';
like proxied('/metrics'), qr{\AHTTP/1\.1 403 }, 'which is what "deny" looks at';
like $s->log('nginx-access'), qr/"client":"192\.0\.2\.7".*"route":"\/health"/, 'and what the log tells';


# ---------------------------------------------------------------- the rest

is get('/post_action/page.txt', token => $token)->{body}, $words, 'post_action to a route';
is get('/cached/users/me', token => $token)->{headers}{'x-cache'}, 'MISS', 'a cache in front';
$r = get('/cached/users/me', token => $boss);
is $r->{headers}{'x-cache'}, 'MISS', 'keeps nothing';
isnt $r->{json}{id}, $me, 'that is of somebody else';
is status('/cached/users/me'), 401, 'nor for nobody';
ok grep({ Render::Test::_read("/proc/$_/cmdline") =~ /cache manager/ } children(Render::Test::_line($s->home . '/run/nginx.pid'))),
    'beside a cache manager';


# ---------------------------------------------------------------- nothing is left

ok eval { wait_until(sub { active() == 0 }, 10) }, 'no connection is left' or diag active();
is nginx_descriptors($s), $before, 'nor a descriptor';

$s->stop;
done_testing;
