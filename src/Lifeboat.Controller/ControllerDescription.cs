// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access.Rules;
using Lifeboat.Controller.Api.Description;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Lifeboat.Controller;

/// <summary>What a controller offers, without a site.</summary>
public static class ControllerDescription
{
    /// <returns>
    /// The OpenAPI 3.1 document of `/v1` as JSON, byte for byte as <see cref="ApiDocument.Route"/> serves it.
    /// </returns>
    public static Task<string> OpenApiAsync(CancellationToken ct) => DescribedAsync(null, async services =>
    {
        var documents = services.GetRequiredKeyedService<IOpenApiDocumentProvider>(ApiDocument.Name);
        var document = await documents.GetOpenApiDocumentAsync(ct);
        return await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, ct);
    });

    /// <returns>The access rules that hold where no file says anything else.</returns>
    public static Task<AccessRulesInfo> AccessRulesAsync() => DescribedAsync(null,
        services => Task.FromResult(services.GetRequiredService<AccessVerdicts>().All()));

    /// <summary>Whom the rules would let that a file has.</summary>
    /// <exception cref="ProblemException">InvalidRequest: the file has faults, all are told; nobody is such a
    /// caller.</exception>
    public static Task<IReadOnlyList<AccessVerdict>> CheckAccessAsync(string file, AccessCheckRequest request,
        CancellationToken ct) => DescribedAsync(Path.GetFullPath(file),
        services => services.GetRequiredService<AccessVerdicts>().CheckAsync(request, null, ct));

    // Asked of a controller that never starts, of a site that is gone afterwards.
    private static async Task<T> DescribedAsync<T>(string? accessRules, Func<IServiceProvider, Task<T>> ask)
    {
        var root = Directory.CreateTempSubdirectory("lifeboat-openapi-").FullName;
        try
        {
            SiteInitializer.Init(root, "described", "127.0.0.1:0", "127.0.0.1:0");
            await using var app = ControllerHost.Build(new SitePaths(root), SiteConfiguration.Read(root) with
            {
                AccessRules = accessRules,
            });
            return await ask(app.Services);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }
}
