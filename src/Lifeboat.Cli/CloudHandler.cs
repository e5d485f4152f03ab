// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Recovery;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack.Clouds;

namespace Lifeboat.Cli;

/// <summary>
/// Reaches the controller that a cloud's catalogue names, as a user of that cloud. Where that is, is known with the
/// first request; requests are made to <see cref="Somewhere"/>.
/// </summary>
internal sealed class CloudHandler(string cloud, string? tenant, TimeProvider time) : HttpMessageHandler
{
    public static readonly Uri Somewhere = new("https://cloud/");
    private readonly SemaphoreSlim _alone = new(1, 1);
    private HttpMessageInvoker? _controller;
    private Uri _url = Somewhere;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request,
        CancellationToken cancellationToken)
    {
        var controller = await ConnectAsync(cancellationToken);
        request.RequestUri = new Uri(_url, request.RequestUri!.PathAndQuery);
        return await controller.SendAsync(request, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _controller?.Dispose();
            _alone.Dispose();
        }
        base.Dispose(disposing);
    }

    private async Task<HttpMessageInvoker> ConnectAsync(CancellationToken ct)
    {
        if (_controller is { } there) return there;
        await _alone.WaitAsync(ct);
        try
        {
            if (_controller is { } meanwhile) return meanwhile;
            var login = await CloudLogin.TakeAsync(cloud, time, ct);
            _url = login.Url;
            return _controller = new HttpMessageInvoker(new ControllerHandler(new ControllerAccess
            {
                Url = login.Url,
                CaPem = login.CaFile is { } file ? await File.ReadAllTextAsync(file, ct) : null,
                Fingerprint = login.Fingerprint,
                Token = login.Token,
                Tenant = tenant,
            }));
        }
        catch (SiteException e)
        {
            throw SiteProblem.Of(e);
        }
        finally
        {
            _alone.Release();
        }
    }
}
