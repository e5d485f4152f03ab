// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
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
    public static async Task<string> OpenApiAsync(CancellationToken ct)
    {
        // Endpoints are asked of a controller that never starts, of a site that is gone afterwards.
        var root = Directory.CreateTempSubdirectory("lifeboat-openapi-").FullName;
        try
        {
            SiteInitializer.Init(root, "described", "127.0.0.1:0", "127.0.0.1:0");
            await using var app = ControllerHost.Build(new SitePaths(root), SiteConfiguration.Read(root));
            var documents = app.Services.GetRequiredKeyedService<IOpenApiDocumentProvider>(ApiDocument.Name);
            var document = await documents.GetOpenApiDocumentAsync(ct);
            return await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, ct);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }
}
