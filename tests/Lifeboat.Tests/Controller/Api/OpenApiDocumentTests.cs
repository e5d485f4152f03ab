// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Controller.Api.Description;
using Lifeboat.Tests.Tidy;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>The OpenAPI document is what the endpoints are, and whole.</summary>
public sealed class OpenApiDocumentTests
{
    private const string Refresh = "kit/lifeboat openapi > docs/api/openapi.json";

    [Fact]
    public async Task The_committed_document_is_the_one_that_is_served()
    {
        var made = await ControllerDescription.OpenApiAsync(Ct);
        await using var site = await TestSite.StartAsync("a", new());
        using var http = new HttpClient(UnixSocketHttp.Handler(site.Paths.ControllerSocket));
        Assert.Equal(made, await http.GetStringAsync("http://controller" + ApiDocument.Route, Ct));

        var committed = Path.Combine(SourceTree.Root, "docs/api/openapi.json");
        Assert.True(made.Trim() == (await File.ReadAllTextAsync(committed, Ct)).Trim(),
            $"docs/api/openapi.json is not what the controller serves: {Difference(made, committed)}. "
            + $"If that is meant: {Refresh}");
    }

    [Fact]
    public async Task Every_operation_says_what_it_is_and_why_it_refuses()
    {
        var findings = new List<string>();
        var document = JsonNode.Parse(await ControllerDescription.OpenApiAsync(Ct))!;
        foreach (var (key, operation) in Operations(document))
        {
            if (operation["operationId"] is null)
                findings.Add($"{key} has no entry in src/Lifeboat.Controller/Api/Description/ApiOperations");
            if (operation["summary"]?.ToString() is not { } summary || !summary.EndsWith('.'))
                findings.Add($"{key} has no summary that is a sentence");
            var responses = operation["responses"]!.AsObject();
            if (!responses.Any(r => r.Key[0] == '2')) findings.Add($"{key} has no answer");
            foreach (var status in new[] { "400", "403", "500" })
                if (responses[status]?["content"]?["application/problem+json"] is null)
                    findings.Add($"{key} does not say that it refuses with {status}");
        }
        var text = document.ToJsonString();
        if (text.Contains("!:", StringComparison.Ordinal)) findings.Add("a comment refers to what is not there");
        findings.AddRange(document["components"]!["schemas"]!.AsObject().Select(s => s.Key)
            .Where(n => char.IsDigit(n[^1])).Select(n => $"schema {n}: two contracts have one name"));
        Assert.True(findings.Count == 0, string.Join('\n', findings));
    }

    [Fact]
    public void Every_endpoint_is_in_the_document_and_nothing_else_is()
    {
        var root = Directory.CreateTempSubdirectory("lb-endpoints").FullName;
        SiteInitializer.Init(root, "a", "127.0.0.1:0", "127.0.0.1:0");
        using var app = ControllerHost.Build(new SitePaths(root), SiteConfiguration.Read(root)) as IDisposable;
        var endpoints = ((Microsoft.AspNetCore.Builder.WebApplication)app!).Services
            .GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();
        var mapped = endpoints
            .Where(e => e.RoutePattern.RawText is { } route
                && (route.StartsWith("/v1/", StringComparison.Ordinal) || route is "/metrics" or "/readyz")
                && route != ApiDocument.Route)
            .Select(e => $"{e.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods[0]} {e.RoutePattern.RawText}")
            .Order(StringComparer.Ordinal).ToList();
        Assert.Equal(mapped, ApiOperations.All.Keys.Order(StringComparer.Ordinal));
        Directory.Delete(root, recursive: true);
    }

    internal static IEnumerable<(string Key, JsonNode Operation)> Operations(JsonNode document) =>
        from path in document["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        select ($"{operation.Key.ToUpperInvariant()} {path.Key}", operation.Value!);

    private static string Difference(string made, string committed)
    {
        var (theirs, ours) = (File.ReadAllLines(committed), made.Split('\n'));
        var line = Enumerable.Range(0, Math.Min(theirs.Length, ours.Length))
            .FirstOrDefault(i => theirs[i].Trim() != ours[i].Trim(), Math.Min(theirs.Length, ours.Length));
        return $"from line {line + 1} on, '{theirs.ElementAtOrDefault(line)?.Trim()}' is to be "
            + $"'{ours.ElementAtOrDefault(line)?.Trim()}'";
    }
}
