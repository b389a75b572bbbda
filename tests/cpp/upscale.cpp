// Upscales an image with a model that napari-sr exported: upscale MODEL.pt IN.ppm OUT.ppm
// Images are binary PGM (grey) or PPM (RGB) of 8 bits, so that nothing but LibTorch is needed.
#include <torch/script.h>

#include <fstream>
#include <iostream>
#include <string>

// Pixels of a PGM or PPM file as a tensor of shape (C, H, W) with values in [0, 1].
torch::Tensor read_image(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  int64_t width = 0, height = 0, largest = 0;
  file >> kind >> width >> height >> largest;
  file.get();  // the one white space between the header and the pixels
  if ((kind != "P5" && kind != "P6") || largest != 255) throw std::runtime_error(path + ": not a PGM or PPM of 8 bits");
  auto pixels = torch::empty({height, width, kind == "P6" ? 3 : 1}, torch::kUInt8);
  file.read(reinterpret_cast<char*>(pixels.data_ptr()), pixels.numel());
  if (!file) throw std::runtime_error(path + ": truncated");
  return pixels.permute({2, 0, 1}).to(torch::kFloat32) / 255;
}

void write_image(const std::string& path, const torch::Tensor& image) {
  auto pixels = (image.clamp(0, 1) * 255).round().to(torch::kUInt8).permute({1, 2, 0}).contiguous();
  std::ofstream file(path, std::ios::binary);
  file << (pixels.size(2) == 3 ? "P6" : "P5") << '\n' << pixels.size(1) << ' ' << pixels.size(0) << "\n255\n";
  file.write(reinterpret_cast<const char*>(pixels.data_ptr()), pixels.numel());
  if (!file) throw std::runtime_error(path + ": cannot be written");
}

// A number that the file says of its model: napari-sr stores them as {"in_channels": "3", "value_range": "1", …}.
double fact(const std::string& facts, const std::string& name) {
  const auto at = facts.find("\"" + name + "\": \"");
  if (at == std::string::npos) throw std::runtime_error("the model does not say its " + name);
  return std::stod(facts.substr(at + name.size() + 5));
}

torch::Tensor upscale(torch::jit::Module& model, const std::string& facts, torch::Tensor image) {
  // (N, C, H, W): for a network of one channel the colors are images of their own, for one of three grey is repeated
  auto batch = fact(facts, "in_channels") == 1 ? image.unsqueeze(1) : image.expand({3, -1, -1}).unsqueeze(0);
  const double range = fact(facts, "value_range");
  auto result = model.forward({batch * range}).toTensor() / range;
  if (fact(facts, "in_channels") == 1) return result.squeeze(1);
  return image.size(0) == 1 ? result[0].mean(0, /*keepdim=*/true) : result[0];
}

int main(int count, const char* arguments[]) try {
  if (count != 4) throw std::runtime_error("usage: upscale MODEL.pt IN.ppm OUT.ppm");
  torch::InferenceMode no_gradients;
  torch::jit::ExtraFilesMap extra{{"napari-sr.json", ""}};
  auto model = torch::jit::load(arguments[1], torch::kCPU, extra);  // torch::kCUDA for a graphics card
  write_image(arguments[3], upscale(model, extra["napari-sr.json"], read_image(arguments[2])));
} catch (const c10::Error& error) {
  std::cerr << "upscale: " << error.what_without_backtrace() << '\n';
  return 1;
} catch (const std::exception& error) {
  std::cerr << "upscale: " << error.what() << '\n';
  return 1;
}
