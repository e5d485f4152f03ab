// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Recovery.Reports;

/// <summary>Signs reports with the site's key, and checks such signatures.</summary>
public static class ReportSeal
{
    // The form that `openssl dgst -verify` reads.
    private const DSASignatureFormat Form = DSASignatureFormat.Rfc3279DerSequence;

    /// <param name="certificate">The controller's certificate with its ECDSA key.</param>
    public static RunReport Sign(ReportBody body, X509Certificate2 certificate)
    {
        var text = JsonSerializer.Serialize(body, ContractJson.Options);
        var bytes = Encoding.UTF8.GetBytes(text);
        using var key = certificate.GetECDsaPrivateKey()
            ?? throw new CryptographicException("the controller's certificate has no ECDSA key");
        var signature = Convert.ToBase64String(key.SignData(bytes, HashAlgorithmName.SHA256, Form));
        return new RunReport(text, Convert.ToHexStringLower(SHA256.HashData(bytes)), signature,
            certificate.ExportCertificatePem());
    }

    /// <summary>True when the body is what the certificate's key signed and the certificate chains to the CA.</summary>
    public static bool Verifies(RunReport report, X509Certificate2 siteCa)
    {
        using var certificate = X509Certificate2.CreateFromPem(report.Certificate);
        var bytes = Encoding.UTF8.GetBytes(report.Body);
        if (Convert.ToHexStringLower(SHA256.HashData(bytes)) != report.Digest) return false;
        using var key = certificate.GetECDsaPublicKey();
        var signature = new byte[256];
        if (!Convert.TryFromBase64String(report.Signature, signature, out var length) || key is null) return false;
        return key.VerifyData(bytes, signature.AsSpan(0, length), HashAlgorithmName.SHA256, Form)
            && ChainsTo(certificate, siteCa);
    }

    private static bool ChainsTo(X509Certificate2 certificate, X509Certificate2 ca)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(ca);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        // A report stays true when the certificate that signed it has run out.
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid;
        return chain.Build(certificate);
    }
}
