// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Reflection;
using System.Text;
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>
/// The typed client says exactly what the OpenAPI document says: each operation has the one method that is called by
/// its id, and that method sends its verb, its route and its body, and reads its answer.
/// </summary>
public sealed class TypedClientTests
{
    [Fact]
    public async Task Every_operation_has_its_method()
    {
        var document = JsonNode.Parse(await ControllerDescription.OpenApiAsync(Ct))!;
        var methods = typeof(ControllerClient).GetMethods(BindingFlags.Public | BindingFlags.Instance)
            .Where(m => m.DeclaringType == typeof(ControllerClient))
            .Where(m => m.Name.EndsWith("Async", StringComparison.Ordinal))
            .ToDictionary(m => m.Name);
        var findings = new List<string>();
        foreach (var (key, operation) in OpenApiDocumentTests.Operations(document))
        {
            var id = operation["operationId"]?.ToString() ?? key;
            var name = char.ToUpperInvariant(id[0]) + id[1..] + "Async";
            if (!methods.Remove(name, out var method)) findings.Add($"{key}: ControllerClient has no {name}");
            else findings.AddRange((await FaultsAsync(key, operation, method)).Select(f => $"{name}: {f}"));
        }
        findings.AddRange(methods.Keys.Select(m => $"{m} is no operation of the document"));
        Assert.True(findings.Count == 0, string.Join('\n', findings));
    }

    private static async Task<IReadOnlyList<string>> FaultsAsync(string key, JsonNode operation, MethodInfo method)
    {
        var wire = new Recorder();
        using var client = new ControllerClient(wire, new Uri("http://controller/"));
        var arguments = method.GetParameters().Select(p => (p.ParameterType, Value: Sample(p.ParameterType))).ToList();
        await CallAsync(client, method, [.. arguments.Select(a => a.Value)]);

        var faults = new List<string>();
        var wanted = key;
        foreach (var parameter in operation["parameters"]?.AsArray().Where(p => p!["in"]!.ToString() == "path") ?? [])
            wanted = wanted.Replace($"{{{parameter!["name"]}}}",
                parameter["schema"]!["format"]?.ToString() == "uuid" ? SampleId.ToString() : "x");
        if (wire.Request != wanted) faults.Add($"sends {wire.Request} instead of {wanted}");

        var bodies = arguments.Select(a => a.ParameterType).Where(IsContract).Select(t => t.Name).ToList();
        var body = operation["requestBody"]?["content"]!["application/json"]!["schema"]!["$ref"]!.ToString();
        // PairAsync and StartInstanceAsync make their body or a part of the route from one argument.
        if (body is null != wire.Body is null) faults.Add($"sends the body {wire.Body ?? "of no kind"}");
        if (body is not null && bodies.Count > 0 && body.Split('/')[^1] != bodies.Single())
            faults.Add($"sends {bodies.Single()} instead of {body.Split('/')[^1]}");

        var answer = Answer(operation);
        var reads = Named(method.ReturnType.GenericTypeArguments.FirstOrDefault());
        if (answer != reads) faults.Add($"reads {reads} instead of {answer}");
        return faults;
    }

    private static readonly Guid SampleId = new("0198c1a4-5f10-7c3e-8d54-2f6a0b9c1d7e");

    // What comes back is no answer of that kind; what was sent is all that is looked at.
    private static async Task CallAsync(ControllerClient client, MethodInfo method, object?[] arguments)
    {
        try
        {
            if (method.Invoke(client, arguments) is Task task) await task;
            else await foreach (var _ in (IAsyncEnumerable<object>)method.Invoke(client, arguments)!) break;
        }
        catch (Contracts.ProblemException)
        {
        }
    }

    private static bool IsContract(Type type) => type.Namespace!.StartsWith("Lifeboat", StringComparison.Ordinal);

    private static object? Sample(Type type) => type switch
    {
        _ when type == typeof(string) => "x",
        _ when type == typeof(Guid) => SampleId,
        _ when type == typeof(CancellationToken) => Ct,
        _ when Nullable.GetUnderlyingType(type) is not null => null,
        _ when type.IsValueType => Activator.CreateInstance(type),
        _ => Filled(type),
    };

    private static object Filled(Type type)
    {
        var made = System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(type);
        type.GetProperty(nameof(Contracts.Sites.StartRequest.Instance))?.SetValue(made, "x");
        return made;
    }

    private static string Answer(JsonNode operation)
    {
        var success = operation["responses"]!.AsObject().Single(r => r.Key[0] == '2').Value!;
        var content = success["content"]?.AsObject().Single().Value!["schema"]!;
        return content is null ? "nothing" : Schema(content);
    }

    private static string Schema(JsonNode schema) => schema["$ref"]?.ToString().Split('/')[^1]
        ?? (schema["type"]!.ToString() == "array" ? $"list of {Schema(schema["items"]!)}" : schema["type"]!.ToString());

    private static string Named(Type? type) => type switch
    {
        null => "nothing",
        _ when type == typeof(string) => "string",
        { IsGenericType: true } => $"list of {Named(type.GenericTypeArguments[0])}",
        _ => type.Name,
    };

    private sealed class Recorder : HttpMessageHandler
    {
        public string? Request { get; private set; }
        public string? Body { get; private set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
        {
            Request = $"{request.Method} {request.RequestUri!.AbsolutePath}";
            Body = request.Content is null ? null : await request.Content.ReadAsStringAsync(ct);
            return new HttpResponseMessage(HttpStatusCode.Conflict)
            {
                Content = new StringContent("{}", Encoding.UTF8, "application/json"),
            };
        }
    }
}
