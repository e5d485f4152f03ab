// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Identity;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Http;

/// <summary>
/// A project of a cloud, as one user: requests go to where the catalogue says, with a token that holds and the
/// microversion that both sides know. A token that is refused in the middle is replaced once.
/// </summary>
internal sealed partial class CloudSession : IDisposable
{
    private readonly CloudSettings _cloud;
    private readonly CloudHttp _http;
    private readonly Keystone _keystone;
    private readonly CloudHttp? _serviceHttp;
    private readonly Keystone? _service;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<CloudApi, Microversion> _versions = new();

    /// <param name="service">Whose tokens go along as `X-Service-Token`, so that long work survives the end of the
    /// first token; null: nobody's.</param>
    public CloudSession(CloudSettings cloud, CloudSettings? service, CloudHttpOptions options, TimeProvider time,
        ILoggerFactory logs)
    {
        _cloud = cloud;
        _logger = logs.CreateLogger<CloudSession>();
        _http = new CloudHttp(cloud, options, time, logs.CreateLogger<CloudHttp>());
        _keystone = new Keystone(cloud, _http, time, logs.CreateLogger<Keystone>());
        if (service is null) return;
        _serviceHttp = new CloudHttp(service, options, time, logs.CreateLogger<CloudHttp>());
        _service = new Keystone(service, _serviceHttp, time, logs.CreateLogger<Keystone>());
    }

    public string Name => _cloud.Name;

    public Task<CloudToken> TokenAsync(CancellationToken ct) => _keystone.TokenAsync(refused: null, ct);

    /// <summary>The microversion that is spoken with a service; asked for once.</summary>
    /// <exception cref="CloudException">VersionTooOld.</exception>
    public async Task<Microversion> VersionAsync(CloudApi service, CancellationToken ct)
    {
        if (_versions.TryGetValue(service, out var known)) return known;
        var need = service.Versions
            ?? throw new CloudException(CloudFault.VersionTooOld, $"{service.Name} has no microversions");
        var token = await TokenAsync(ct);
        var url = service.VersionDocument(token.Catalog.Endpoint(service, _cloud), token.ProjectId);
        var answer = await AuthorisedAsync($"{service.Name} GET {url}", url, HttpMethod.Get, null, null, ct);
        // A list of several versions is `300 Multiple Choices`.
        if (answer.Status != 300) answer.OrThrow(changes: false);
        var has = answer.Read(VersionJson.Default.VersionAnswer).Newest
            ?? throw new CloudException(CloudFault.VersionTooOld, $"{service.Name} of {_cloud} tells no microversions "
                + $"at {url}; {need.Oldest} is needed");
        var chosen = need.Choose(has.Lowest!.Value, has.Highest!.Value)
            ?? throw new CloudException(CloudFault.VersionTooOld,
                $"{need.Problem(service, has.Lowest.Value, has.Highest.Value)} ({_cloud})");
        LogVersion(service.Name, chosen.ToString(), has.Lowest.Value.ToString(), has.Highest.Value.ToString());
        _versions[service] = chosen;
        return chosen;
    }

    /// <param name="path">Below the service's root, with its query.</param>
    /// <exception cref="CloudException">NotFound, and all others.</exception>
    public async Task<T> GetAsync<T>(CloudApi service, string path, JsonTypeInfo<T> type, CancellationToken ct)
        where T : class => (await CallAsync(service, HttpMethod.Get, path, null, ct)).Read(type);

    /// <summary>As <see cref="GetAsync"/>, for what may not be there.</summary>
    public async Task<T?> FindAsync<T>(CloudApi service, string path, JsonTypeInfo<T> type, CancellationToken ct)
        where T : class
    {
        try
        {
            return await GetAsync(service, path, type, ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.NotFound)
        {
            return null;
        }
    }

    /// <summary>All pages of a list. Its next pages are asked for where this one was, whatever host the cloud's links
    /// name: a token goes nowhere else.</summary>
    public async Task<IReadOnlyList<TItem>> ListAsync<TPage, TItem>(CloudApi service, string path,
        JsonTypeInfo<TPage> type, CancellationToken ct) where TPage : class, ICloudPage<TItem>
    {
        var all = new List<TItem>();
        var bare = path.Split('?')[0];
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var next = path; ;)
        {
            var page = await GetAsync(service, next, type, ct);
            all.AddRange(page.Items);
            if (page.Next is not { Length: > 0 } link || page.Items.Count == 0) return all;
            next = bare + (link.IndexOf('?') is >= 0 and var at ? link[at..] : "");
            if (!seen.Add(next))
                throw new CloudException(CloudFault.Strange, $"{service.Name} GET {bare}: its pages go in a circle");
        }
    }

    public async Task<TAnswer> PostAsync<TBody, TAnswer>(CloudApi service, string path, TBody body,
        JsonTypeInfo<TBody> bodyType, JsonTypeInfo<TAnswer> type, CancellationToken ct) where TAnswer : class =>
        (await CallAsync(service, HttpMethod.Post, path, Bytes(body, bodyType), ct)).Read(type);

    /// <summary>A change without an answer: an action, or an update.</summary>
    public Task ChangeAsync<TBody>(CloudApi service, HttpMethod method, string path, TBody body,
        JsonTypeInfo<TBody> bodyType, CancellationToken ct) =>
        CallAsync(service, method, path, Bytes(body, bodyType), ct);

    /// <summary>Content that is no JSON, to where it is kept.</summary>
    public Task UploadAsync(CloudApi service, string path, byte[] content, CancellationToken ct) =>
        CallAsync(service, HttpMethod.Put, path, content, ct, "application/octet-stream");

    /// <summary>Removes what may be gone already.</summary>
    public async Task DeleteAsync(CloudApi service, string path, CancellationToken ct)
    {
        try
        {
            await CallAsync(service, HttpMethod.Delete, path, null, ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.NotFound)
        {
            // What we wanted.
        }
    }

    public void Dispose()
    {
        _keystone.Dispose();
        _service?.Dispose();
        _http.Dispose();
        _serviceHttp?.Dispose();
    }

    private async Task<CloudAnswer> CallAsync(CloudApi service, HttpMethod method, string path, byte[]? body,
        CancellationToken ct, string mediaType = "application/json")
    {
        string? version = null;
        if (service.Versions is { } need) version = $"{need.Header} {await VersionAsync(service, ct)}";
        var token = await TokenAsync(ct);
        var root = service.Root(token.Catalog.Endpoint(service, _cloud), token.ProjectId);
        var url = new Uri($"{root.AbsoluteUri.TrimEnd('/')}/{path.TrimStart('/')}");
        var answer = await AuthorisedAsync($"{service.Name} {method} {url.AbsolutePath}", url, method, body, version,
            ct, mediaType);
        return answer.OrThrow(Changes(method));
    }

    private async Task<CloudAnswer> AuthorisedAsync(string about, Uri url, HttpMethod method, byte[]? body,
        string? version, CancellationToken ct, string mediaType = "application/json")
    {
        var token = await _keystone.TokenAsync(refused: null, ct);
        var service = _service is null ? null : await _service.TokenAsync(refused: null, ct);
        var answer = await SendAsync(token, service);
        if (answer.Status != 401) return answer;
        // Refused before anything was done: the token was revoked, or ended between two looks at the clock.
        LogRefused(about);
        token = await _keystone.TokenAsync(token, ct);
        service = _service is null ? null : await _service.TokenAsync(service, ct);
        return await SendAsync(token, service);

        Task<CloudAnswer> SendAsync(CloudToken by, CloudToken? with) =>
            _http.SendAsync(about, () => Request(url, method, body, mediaType, version, by, with), Changes(method), ct);
    }

    private static HttpRequestMessage Request(Uri url, HttpMethod method, byte[]? body, string mediaType,
        string? version, CloudToken token, CloudToken? service)
    {
        var request = new HttpRequestMessage(method, url);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Headers.Add("X-Auth-Token", token.Value);
        if (service is not null) request.Headers.Add("X-Service-Token", service.Value);
        if (version is not null) request.Headers.Add("OpenStack-API-Version", version);
        if (body is not null) request.Content = new ByteArrayContent(body)
        {
            Headers = { ContentType = new MediaTypeHeaderValue(mediaType) },
        };
        return request;
    }

    // PUT and DELETE of these APIs name the thing, so once more is the same as once.
    private static bool Changes(HttpMethod method) => method == HttpMethod.Post || method == HttpMethod.Patch;

    private static byte[] Bytes<T>(T body, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(body, type);

    [LoggerMessage(EventIds.MicroversionChosen, LogLevel.Information,
        "{Service} is spoken to in version {Version}; it has {Lowest} to {Highest}")]
    private partial void LogVersion(string service, string version, string lowest, string highest);

    [LoggerMessage(EventIds.TokenRefused, LogLevel.Information,
        "{About}: the token was refused before its time; a new one is taken")]
    private partial void LogRefused(string about);
}
