// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lifeboat.Quiescing;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Quiescing.HttpCallback;

/// <summary>Against a small service that believes nothing but its signature.</summary>
public sealed class HttpCallbackConformance : QuiesceProviderConformance, IAsyncDisposable
{
    private const string Secret = "0123456789abcdef-of-db1", Token = "token-of-db1";
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-http").FullName;
    private readonly HttpListener _listener = new();
    private readonly Task _serving;
    private readonly string _url;
    private Guid? _held;

    public HttpCallbackConformance()
    {
        var port = FreePort.Next();
        _url = $"http://127.0.0.1:{port}/quiesce/";
        _listener.Prefixes.Add(_url);
        _listener.Start();
        _serving = ServeAsync();
        Identity("app", new { url = _url, token = Token, secret = Secret });
    }

    protected override IQuiesceProvider Open(IReadOnlyDictionary<string, string> added) => Provider("app", added);

    [Fact]
    public async Task Who_signs_with_another_secret_or_shows_another_token_is_refused()
    {
        Identity("stranger", new { url = _url, token = Token, secret = "another secret altogether" });
        Identity("nobody", new { url = _url, token = "guess", secret = Secret });
        var stranger = await FailAsync("stranger");
        Assert.Equal((ProviderFault.Refused, "quiesce was answered 403: bad signature"),
            (stranger.Fault, stranger.Message));
        Assert.Equal(ProviderFault.Refused, (await FailAsync("nobody")).Fault);
        Assert.Null(_held);
    }

    [Fact]
    public async Task An_identity_that_is_missing_faulty_or_open_to_all_is_told_by_its_path()
    {
        Identity("short", new { url = "ftp://x", token = "t", secret = Secret });
        Identity("unknown-field", new { url = _url, token = Token, secret = Secret, sekret = 1 });
        Identity("open", new { url = _url, token = Token, secret = Secret });
        File.SetUnixFileMode(Path.Combine(_directory, "quiesce", "db1", "open.json"),
            UnixFileMode.UserRead | UnixFileMode.OtherRead);
        foreach (var (name, says) in new[] { ("absent", "quiesce/db1/absent.json"), ("short", "ftp://x"),
            ("unknown-field", "sekret"), ("open", "chmod 600"), ("../db2/app", "a name is") })
        {
            var wrong = await FailAsync(name);
            Assert.Equal(ProviderFault.Misconfigured, wrong.Fault);
            Assert.Contains(says, wrong.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_service_that_is_away_is_unreachable()
    {
        Identity("away", new { url = $"http://127.0.0.1:{FreePort.Next()}/", token = Token, secret = Secret });
        Assert.Equal(ProviderFault.Unreachable, (await FailAsync("away")).Fault);
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving;
        _listener.Close();
        Directory.Delete(_directory, recursive: true);
    }

    private void Identity(string name, object identity)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_directory, "quiesce", "db1")).FullName;
        var path = Path.Combine(folder, name + ".json");
        File.WriteAllText(path, JsonSerializer.Serialize(identity));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private Lifeboat.Quiescing.HttpCallback.HttpCallback Provider(
        string identity, IReadOnlyDictionary<string, string> added) =>
        new(new QuiesceTarget("db1", null, _directory, TimeProvider.System)
        {
            Settings = Join(added, ("identity", identity)),
        });

    private Task<QuiesceProviderException> FailAsync(string identity) =>
        Assert.ThrowsAsync<QuiesceProviderException>(() => Provider(identity, new Dictionary<string, string>())
            .QuiesceAsync(new QuiesceCall(Guid.NewGuid(), TimeSpan.FromSeconds(5), TimeProvider.System.GetUtcNow()),
                CancellationToken.None));

    private async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                var context = await _listener.GetContextAsync();
                using var body = new MemoryStream();
                await context.Request.InputStream.CopyToAsync(body);
                var (status, text) = Answer(context.Request, body.ToArray());
                context.Response.StatusCode = status;
                context.Response.Close(Encoding.UTF8.GetBytes(text), willBlock: false);
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                if (!_listener.IsListening) return;
            }
        }
    }

    private (int Status, string Text) Answer(HttpListenerRequest request, byte[] body)
    {
        if (request.Headers["Authorization"] != "Bearer " + Token) return (401, "who are you?");
        var signature = "sha256=" + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), body));
        if (request.Headers["X-Lifeboat-Signature"] != signature) return (403, "bad signature");
        var asked = JsonDocument.Parse(body).RootElement;
        var id = asked.GetProperty("id").GetGuid();
        if (asked.GetProperty("action").GetString() == "quiesce")
        {
            _held = id;
            return (200, "queue drained");
        }
        var held = _held == id;
        _held = null;
        return (200, held ? "queue goes on" : "not held");
    }
}
