package Render::Test::Form;

# Bodies of multipart/form-data (RFC 7578) and what answers on a raw connection say.
#
#   my $r = send_form($s, $token, '/videos/upload', file('a.txt', 'hello'), field(title => 'A'));

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();

our @EXPORT = qw(field file form send_form form_request chunked answers boundary whole);

use constant boundary => '----a-boundary=of+the_tests';

# A whole answer with a JSON body, and what came before it.
use constant whole => qr/\A(?:HTTP\S+ 100.*?\r\n\r\n)?HTTP[^{]*?\r\nContent-Length: (\d+)\r\n[^{]*?\r\n\r\n(??{ ".{$1}" })\z/s;

# field(name => value): a part of the form
sub field { return qq{Content-Disposition: form-data; name="$_[0]"\r\n\r\n$_[1]} }

# file($filename, $bytes, name => 'file'): a part that is a file
sub file {
    my ($filename, $bytes, %opt) = @_;
    my $name = defined $opt{name} ? $opt{name} : 'file';
    my $type = $opt{type} || 'application/octet-stream';
    return qq{Content-Disposition: form-data; name="$name"; filename="$filename"\r\nContent-Type: $type\r\n\r\n$bytes};
}

# The body of these parts.
sub form { return join '', map({ '--' . boundary . "\r\n$_\r\n" } @_), '--' . boundary . "--\r\n" }

# send_form($s, $token, $path, @parts): the answer. A hash as the first part holds headers.
sub send_form {
    my ($s, $token, $path, @parts) = @_;
    my $headers = @parts && ref $parts[0] ? shift @parts : {};
    return $s->req(POST => $path, token => $token, body => form(@parts),
        headers => { 'Content-Type' => 'multipart/form-data; boundary="' . boundary . '"', %$headers });
}

# form_request($token, $path, $body, %opt): the bytes of a whole request with its length, or with
# chunks => n in chunks of n bytes; headers => lines of its head
sub form_request {
    my ($token, $path, $body, %opt) = @_;
    return "POST $path HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Type: multipart/form-data; boundary=\""
        . boundary . "\"\r\n" . ($opt{headers} || '')
        . ($opt{chunks} ? "Transfer-Encoding: chunked\r\n\r\n" . chunked($body, $opt{chunks})
                        : 'Content-Length: ' . (defined $opt{length} ? $opt{length} : length $body) . "\r\n\r\n$body");
}

# A body in chunks of n bytes.
sub chunked {
    my ($body, $n) = @_;
    my $text = '';
    for (my $at = 0; $at < length $body; $at += $n) {
        my $piece = substr $body, $at, $n;
        $text .= sprintf("%x\r\n", length $piece) . "$piece\r\n";
    }
    return "${text}0\r\n\r\n";
}

# The answers in what came over a connection: [{ status, headers, body, json }]
sub answers {
    my ($text) = @_;
    my @list;
    while ($text =~ s{\AHTTP/1\.1 (\d{3}) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n}{}) {
        my ($status, $fields) = ($1, $2);
        my %headers = map { /\A([^:]+):\s*(.*)\z/ ? (lc $1 => $2) : () } split /\r\n/, $fields;
        push @list, { status => $status, headers => \%headers, body => substr($text, 0, $headers{'content-length'} || 0, '') };
        $list[-1]{json} = JSON::PP::decode_json($list[-1]{body}) if $list[-1]{body} =~ /\A\{/;
    }
    push @list, { status => 0, headers => {}, body => $text } if length $text;
    return @list;
}

1;
