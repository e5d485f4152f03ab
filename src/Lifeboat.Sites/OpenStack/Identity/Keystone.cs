// SPDX-License-Identifier: Apache-2.0
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Http;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Identity;

/// <summary>
/// Takes tokens for one user of a cloud and keeps the newest. A new one is taken some time before the old one ends;
/// while Keystone cannot be reached the old one is used as long as it holds.
/// </summary>
internal sealed partial class Keystone(CloudSettings cloud, CloudHttp http, TimeProvider time,
    ILogger<Keystone> logger) : IDisposable
{
    private static readonly TimeSpan MarginMax = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _one = new(1, 1);
    private volatile CloudToken? _token;
    private DateTimeOffset _notBefore;

    /// <param name="refused">One that a service took no longer: another one is wanted.</param>
    /// <exception cref="CloudException">Unauthorised, or Keystone cannot be asked.</exception>
    public async Task<CloudToken> TokenAsync(CloudToken? refused, CancellationToken ct)
    {
        if (_token is { } good && good != refused && time.GetUtcNow() < good.RenewAt) return good;
        await _one.WaitAsync(ct);
        try
        {
            var now = time.GetUtcNow();
            // Somebody else may have taken one while we waited.
            if (_token is { } held && held != refused)
            {
                if (now < held.RenewAt || now < _notBefore && now < held.ExpiresAt) return held;
            }
            return _token = await RenewAsync(_token == refused ? null : _token, ct);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<CloudToken> RenewAsync(CloudToken? held, CancellationToken ct)
    {
        try
        {
            var token = await TakeAsync(ct);
            LogTaken(token.UserName, token.ProjectName, token.ExpiresAt);
            return token;
        }
        catch (CloudException e) when (e.WorthRetrying && held is not null && time.GetUtcNow() < held.ExpiresAt)
        {
            _notBefore = time.GetUtcNow() + TryAgain;
            LogNotRenewed(held.ExpiresAt, e.Message);
            return held;
        }
    }

    private async Task<CloudToken> TakeAsync(CancellationToken ct)
    {
        var url = new Uri($"{cloud.AuthUrl.AbsoluteUri.TrimEnd('/')}/v3/auth/tokens");
        var body = System.Text.Encoding.UTF8.GetBytes(Request().ToJsonString());
        var answer = await http.SendAsync($"Keystone POST {url}", () => new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = new ByteArrayContent(body)
            {
                Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
            },
            // Taking one token too many harms nobody, so this is repeated like a question.
        }, changes: false, ct);
        if (answer.Status == 401)
            throw new CloudException(CloudFault.Unauthorised, $"{cloud} does not take the credentials of clouds.yaml "
                + $"({Who}): {ErrorBody.Read(answer.Body).Text}"
                + (cloud.Auth is CloudAuth.Token ? " A token that is over cannot be renewed: use an application "
                    + "credential" : "")) { Status = 401, RequestId = answer.RequestId };
        var token = answer.OrThrow(changes: false).Read(KeystoneJson.Default.TokenAnswer).Token;
        var value = answer.SubjectToken ?? throw new CloudException(CloudFault.Strange,
            $"{answer.About}: an answer without X-Subject-Token; is {cloud.AuthUrl} a Keystone v3?");
        if (token.Project is null || token.Catalog is null)
            throw new CloudException(CloudFault.Unauthorised, $"{cloud}: the token is of no project; say which one "
                + $"(clouds.{cloud.Name}.auth.project_name)");
        var life = token.ExpiresAt - time.GetUtcNow();
        var margin = life / 4 < MarginMax ? life / 4 : MarginMax;
        return new CloudToken(value, token.ExpiresAt - margin, token.ExpiresAt, token.Project.Id, token.Project.Name,
            token.User.Name, [.. (token.Roles ?? []).Select(r => r.Name)], new ServiceCatalog(token.Catalog));
    }

    private string Who => cloud.Auth switch
    {
        CloudAuth.Password => $"user {cloud.User!.Name ?? cloud.User.Id}",
        CloudAuth.Token => "a token",
        CloudAuth.ApplicationCredential => cloud.Credential!.ToString(),
    };

    private JsonObject Request()
    {
        var auth = new JsonObject { ["identity"] = Identity() };
        if (cloud.Project is { } project) auth["scope"] = new JsonObject
        {
            ["project"] = Named(project.Id, project.Name, project.Domain),
        };
        return new JsonObject { ["auth"] = auth };
    }

    private JsonObject Identity()
    {
        switch (cloud.Auth)
        {
            case CloudAuth.Password:
                var user = Named(cloud.User!.Id, cloud.User.Name, cloud.User.Domain);
                user["password"] = cloud.Password;
                return Method("password", new JsonObject { ["user"] = user });
            case CloudAuth.Token:
                return Method("token", new JsonObject { ["id"] = cloud.Token });
            default:
                var credential = cloud.Credential!;
                var by = credential.Id is not null ? new JsonObject { ["id"] = credential.Id }
                    : new JsonObject
                    {
                        ["name"] = credential.Name,
                        ["user"] = Named(credential.User!.Id, credential.User.Name, credential.User.Domain),
                    };
                by["secret"] = credential.Secret;
                return Method("application_credential", by);
        }
    }

    private static JsonObject Method(string name, JsonObject with) =>
        new() { ["methods"] = new JsonArray(name), [name] = with };

    private static JsonObject Named(string? id, string? name, CloudDomain? domain) => id is not null
        ? new JsonObject { ["id"] = id }
        : new JsonObject
        {
            ["name"] = name,
            ["domain"] = domain!.Id is not null ? new JsonObject { ["id"] = domain.Id }
                : new JsonObject { ["name"] = domain.Name },
        };

    [LoggerMessage(EventIds.TokenTaken, LogLevel.Debug, "Took a token of {User} in project {Project}, until {Until:u}")]
    private partial void LogTaken(string user, string project, DateTimeOffset until);

    [LoggerMessage(EventIds.TokenNotRenewed, LogLevel.Warning,
        "Keystone gave no new token; the one that holds until {Until:u} is used on: {Error}")]
    private partial void LogNotRenewed(DateTimeOffset until, string error);
}
